"""What nobody transcribed and what nobody said: the audit of a finished transcript.

The judge of speech is a detector that did not decide what is skipped. Only a word's plausible
extent counts as covered, so that a stretched word cannot hide a dropped sentence; only as much of
it as its window's speaking rate allows, so that it cannot hide three words; and only where its
window wrote text between timestamps, so that words spread over a hole cannot hide it either.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

from chunking.audit.looped_words import CROWD, SHORTEST_WORD, drop_looped, drop_written_on
from chunking.audit.speaking_rate import find_stretched, speaking_rates_of
from chunking.spans import clip, subtract, total, unite, widen
from chunking.text.word_duration import extent, is_overlong, longest_plausible
from chunking.text.word_keys import key
from chunking.types import Coverage, Merged, Piece, Redecoded, Span, Word

SHORTEST_UNCOVERED = 1.5
"""Speech without words counts from this many seconds on."""
SHORTEST_UNWRITTEN = 0.5
"""The same where no window wrote any text: there no word's time is at fault."""
WORD_SLACK = 0.25
"""Word times are trusted to this many seconds at either end."""
TIMESTAMP_SLACK = 1.0
"""Timestamps are trusted to this many seconds; some models write whole seconds only."""
INVENTED_DISTANCE = 0.5
PAIRS = 4
"""So many different words in a row, each written twice, were written twice by mistake."""
BRIDGE = 1.5
"""Speech with pauses up to this long in it, and no word, is one stretch."""


def audit(
    merged: Merged,
    pieces: Mapping[int, Piece],
    evidence: Sequence[Span],
    duration: float,
    *,
    certain: Sequence[Span] | None = None,
) -> Coverage:
    """The coverage report of a transcript; `pieces` are all that were decoded, repairs too.

    `certain` is where another detector hears speech: sorted and disjoint, None without one. It says
    whether a word is stretched, and nothing of where there is no word.
    """
    speech_spans = clip(unite(evidence), Span(0.0, max(duration, 0.0)))
    rates = speaking_rates_of(pieces.values(), speech_spans)
    bare = _bare(merged.words, speech_spans, _texts(pieces))
    heard = speech_spans if certain is None else certain
    under_words = subtract(heard, [span for span, _ in bare])
    stretched = find_stretched(merged.words, speech_spans, rates, under_words)
    found = _with_stretched(bare, stretched)
    return Coverage(
        speech_seconds=total(speech_spans),
        uncovered_seconds=sum(speech for _, speech in found),
        uncovered=tuple(stretch for stretch, _ in found),
        doubtful=find_doubtful(merged.words, speech_spans),
        seams=merged.seams,
        redecoded=_find_redecoded(merged.words, pieces.values()),
        truncated=_find_truncated(merged.words, pieces.values()),
    )


def find_uncovered(words: Sequence[Word], evidence: Sequence[Span]) -> tuple[Span, ...]:
    """Stretches of sorted, disjoint `evidence` that no word's plausible extent covers.

    A stretch has no word in it and no pause longer than `BRIDGE`; it counts from
    `SHORTEST_UNCOVERED` seconds of speech on.
    """
    return tuple(stretch for stretch, _ in _bare(words, evidence, {}))


def find_unwritten(
    words: Sequence[Word], evidence: Sequence[Span], written: Sequence[Span]
) -> tuple[Span, ...]:
    """Stretches of sorted, disjoint `evidence` outside of all `written` text and every word.

    They count from `SHORTEST_UNWRITTEN` seconds of speech on. `written` is sorted and disjoint.
    """
    said = unite(extent(word) for word in words)
    found = _stretches(said, subtract(evidence, written))
    return tuple(stretch for stretch, speech in found if speech >= SHORTEST_UNWRITTEN)


def written_by(piece: Piece) -> tuple[Span, ...]:
    """Where `piece` has text, words or none; all of its window if there are no timestamps."""
    if piece.timed_text or not piece.words:
        return piece.timed_text
    return (piece.window.span,)


def _bare(
    words: Sequence[Word], evidence: Sequence[Span], texts: Mapping[int, Sequence[Span]]
) -> list[tuple[Span, float]]:
    """(stretch without words, seconds of speech in it), those that count."""
    found = _stretches(_covered(words, evidence, texts), evidence)
    return [stretch for stretch in found if stretch[1] >= SHORTEST_UNCOVERED]


def _with_stretched(
    bare: Sequence[tuple[Span, float]], stretched: Sequence[tuple[Span, float]]
) -> list[tuple[Span, float]]:
    """Both kinds in order; a stretched word that reaches over a bare stretch is one with it."""
    found: list[tuple[Span, float]] = []
    for span, speech in sorted([*bare, *stretched]):
        if found and span.start < found[-1][0].end:
            last, before = found.pop()
            span, speech = Span(last.start, max(last.end, span.end)), before + speech
        found.append((span, speech))
    return found


def _texts(pieces: Mapping[int, Piece]) -> dict[int, tuple[Span, ...]]:
    """Where each window wrote text between timestamps, generously; nothing for one without."""
    return {
        number: widen(piece.timed_text, TIMESTAMP_SLACK)
        for number, piece in pieces.items()
        if piece.timed_text
    }


def _covered(
    words: Sequence[Word], evidence: Sequence[Span], texts: Mapping[int, Sequence[Span]]
) -> tuple[Span, ...]:
    """What `words` account for, as far as their windows' `texts` bear them out."""
    parts = (
        part
        for word in words
        for span in _cover(word, evidence)
        for part in (clip(texts[word.window], span) if word.window in texts else (span,))
    )
    return unite(parts)


def _stretches(covered: Sequence[Span], evidence: Sequence[Span]) -> list[tuple[Span, float]]:
    """(stretch without words, seconds of speech in it), however short."""
    stretches: list[tuple[Span, float]] = []
    position = 0
    for span in subtract(evidence, covered):
        last, speech = stretches[-1] if stretches else (Span(-inf, -inf), 0.0)
        while position < len(covered) and covered[position].end <= last.end:
            position += 1
        is_apart = position < len(covered) and covered[position].end <= span.start
        if span.start - last.end > BRIDGE or is_apart:
            stretches.append((span, span.duration))
        else:
            stretches[-1] = Span(last.start, span.end), speech + span.duration
    return stretches


def _cover(word: Word, evidence: Sequence[Span]) -> tuple[Span, ...]:
    """What `word` accounts for: its span, or so much of the speech in it as it can have been."""
    if not is_overlong(word):
        return (Span(word.start - WORD_SLACK, word.end + WORD_SLACK),)
    budget = longest_plausible(word.text)
    covered: list[Span] = []
    for span in clip(evidence, Span(word.start, word.end)):
        covered.append(Span(span.start, min(span.end, span.start + budget)))
        budget -= span.duration
        if budget <= 0:
            break
    if budget > 0:  # all the speech inside is explained; so are the edges
        covered += [
            Span(word.start - WORD_SLACK, word.start),
            Span(word.end, word.end + WORD_SLACK),
        ]
    return tuple(covered)


def find_doubtful(words: Sequence[Word], evidence: Sequence[Span]) -> tuple[Span, ...]:
    """Stretches of words that cannot have been said: no speech is heard there, or no time for it.

    `evidence` is sorted and disjoint. Words that were said once and written twice have no time of
    their own: their starts go back, stand still, or every word comes in pairs.
    """
    without_speech = [Span(w.start, w.end) for w in words if not is_supported(w, evidence)]
    return unite([*without_speech, *find_crowded(words)], bridge=WORD_SLACK)


def find_crowded(words: Sequence[Word]) -> tuple[Span, ...]:
    """Stretches in which more words stand than can be spoken, or one text stands twice."""
    crowded: list[Span] = []
    for crowd in _runs(words, CROWD):
        end = max(word.end for word in crowd)
        if end - crowd[0].start < CROWD * SHORTEST_WORD:
            crowded.append(Span(min(word.start for word in crowd), end))
    for before, after in pairwise(words):
        if after.start < before.start - WORD_SLACK:
            crowded.append(Span(after.start, max(before.end, after.end)))
    for run in _runs(words, 2 * PAIRS):
        names = [key(word.text) for word in run]
        if names[::2] == names[1::2] and len(set(names)) == PAIRS:
            crowded.append(Span(run[0].start, run[-1].end))
    return unite(crowded)


def _runs(words: Sequence[Word], length: int) -> Iterator[tuple[Word, ...]]:
    """Each `length` words in a row."""
    recent: deque[Word] = deque(maxlen=length)
    for word in words:
        recent.append(word)
        if len(recent) == length:
            yield tuple(recent)


def is_supported(word: Word, evidence: Sequence[Span]) -> bool:
    """Whether sorted, disjoint `evidence` hears any speech where `word` may have been spoken."""
    near = _whereabouts(word)
    return bool(clip(evidence, Span(near.start - WORD_SLACK, near.end + WORD_SLACK)))


def _whereabouts(word: Word) -> Span:
    """Where `word` may have been spoken: beside its place if it was given no time at all."""
    if word.end - word.start >= SHORTEST_WORD:
        return Span(word.start, word.end)
    room = longest_plausible(word.text) / 2
    return Span(word.start - room, word.end + room)


def drop_invented(piece: Piece, speech_spans: Sequence[Span]) -> Piece:
    """`piece` without hallucinated words: those that say its last ones again in no time, those that
    were written on when its sound was over, and those that lie where no detector finds speech.

    `speech_spans`: sorted, disjoint spans of everything that any detector takes for speech; a word
    is dropped only if it is farther than `INVENTED_DISTANCE` from all of it.
    """
    words = drop_written_on(drop_looped(piece.words), piece.window.end)
    kept = tuple(word for word in words if clip(speech_spans, _surroundings(word)))
    return piece if len(kept) == len(piece.words) else replace(piece, words=kept)


def _surroundings(word: Word) -> Span:
    return Span(word.start - INVENTED_DISTANCE, word.end + INVENTED_DISTANCE)


def _find_redecoded(words: Sequence[Word], pieces: Iterable[Piece]) -> tuple[Redecoded, ...]:
    found: list[Redecoded] = []
    brought = Counter(word.window for word in words)
    for piece in sorted(pieces, key=lambda p: (p.window.start, p.window.index)):
        window = piece.window
        if window.kind != "grid":
            reason: str = "truncated" if window.kind == "split" else window.kind
        elif len(piece.attempts) > 1:
            reason = piece.attempts[0]
        else:
            continue
        number = window.index
        found.append(Redecoded(number, window.start, window.end, reason, brought[number]))
    return tuple(found)


def _find_truncated(words: Sequence[Word], pieces: Iterable[Piece]) -> tuple[Span, ...]:
    """Windows that ended early and were not replaced by their halves."""
    used = {word.window for word in words}
    return unite(
        piece.window.span
        for piece in pieces
        if piece.is_truncated and (piece.window.index in used or not piece.words)
    )
