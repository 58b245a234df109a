"""When the words of a normalised text were said.

A normaliser merges and splits words ("twenty one" -> "21"), so times are carried over by aligning
the text's words with its timed words normalised one by one. Nothing is measured on sound here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rapidfuzz.distance import Levenshtein

from benchmarks.alignment import AlignedPair
from benchmarks.formats.types import TimedWord
from benchmarks.normalizers import Normalizer
from chunking.types import Span

Times = tuple[Span | None, ...]


def times_of_words(
    words: Sequence[str], timed: Sequence[TimedWord], normalizer: Normalizer
) -> Times:
    """One span for each of `words`, None for a word that no timed word accounts for."""
    spoken: list[tuple[str, Span]] = []
    for word in timed:
        span = Span(word.start, max(word.start, word.end))
        spoken.extend((part, span) for part in normalizer.words(word.text))
    times: list[Span | None] = [None] * len(words)
    for is_equal, said, heard in _blocks([text for text, _ in spoken], words):
        spans = [span for _, span in spoken[said.start : said.stop]]
        if spans:
            shared = spans if is_equal else _shared(spans, len(heard))
            for index, span in zip(heard, shared, strict=True):
                times[index] = span
    return tuple(times)


def _blocks(spoken: list[str], words: Sequence[str]) -> Iterator[tuple[bool, range, range]]:
    """Stretches of both lists that are equal, and what lies between them as one."""
    codes = Levenshtein.opcodes(spoken, list(words))
    for is_equal, group in groupby(codes, key=lambda code: code.tag == "equal"):
        run = list(group)
        yield (
            is_equal,
            range(run[0].src_start, run[-1].src_end),
            range(run[0].dest_start, run[-1].dest_end),
        )


def _shared(spans: Sequence[Span], parts: int) -> list[Span]:
    """The time of `spans`, divided evenly."""
    start, end = spans[0].start, max(span.end for span in spans)
    step = (end - start) / max(parts, 1)
    return [Span(start + n * step, start + (n + 1) * step) for n in range(parts)]


def times_of_pairs(
    alignment: Sequence[AlignedPair], reference: Times, hypothesis: Times, duration: float | None
) -> tuple[float | None, ...]:
    """A second of the recording for each column of an alignment.

    The reference's time where there is one, else the hypothesis's, else what lies between the
    columns before and after; without any times, the share of the recording's `duration`.
    """
    known = [_time(pair, reference, hypothesis) for pair in alignment]
    anchors = [(i, time) for i, time in enumerate(known) if time is not None]
    if duration is not None:
        anchors = [(-1, 0.0), *anchors, (len(known), duration)]
    if not anchors:
        return tuple(known)
    filled: list[float | None] = []
    after = 0
    for i, time in enumerate(known):
        while after < len(anchors) - 1 and anchors[after][0] < i:
            after += 1
        filled.append(time if time is not None else _between(anchors, after, i))
    return tuple(filled)


def _time(pair: AlignedPair, reference: Times, hypothesis: Times) -> float | None:
    if pair.reference is not None and pair.position < len(reference):
        span = reference[pair.position]
        if span is not None:
            return span.start
    if pair.hypothesis_index is not None and pair.hypothesis_index < len(hypothesis):
        span = hypothesis[pair.hypothesis_index]
        if span is not None:
            return span.start
    return None


def _between(anchors: Sequence[tuple[int, float]], after: int, i: int) -> float:
    right = anchors[after]
    left = anchors[after - 1] if after else right
    if right[0] == left[0] or i >= right[0]:
        return right[1]
    return left[1] + (right[1] - left[1]) * (i - left[0]) / (right[0] - left[0])
