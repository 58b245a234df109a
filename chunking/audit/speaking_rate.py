"""How fast a window speaks, and which of its words stand for more speech than they can be.

A recogniser that skips a few words leaves their sound to a word beside them, by less than a slow
speaker might need for it; against the rate of the same window it stands out. Judges one word at a
time: over several, pauses for breath add up to as much as a lost word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from chunking.spans import clip, intersect, total
from chunking.text.word_duration import letters
from chunking.types import Piece, Span, Word

FEWEST_WORDS = 10
"""Fewer words of a window do not tell its rate."""
NORMAL = 1.4826
"""Standard deviations in a median distance, were distances normal."""
THREE_WORDS = 12
"""Letters. So much more speech than a word needs, and it hides words."""
LEAST_SECONDS = 0.9
"""At least so much of it, within the word's own time."""
LEAST_SECONDS_BEHIND = 1.2
"""The same where part of it lies behind the word: there a breath, a cry or an "um" has up to a
second, and both detectors take it for speech."""
LEAST_DEVIATIONS = 6.0
PAUSE = 1.5
"""Nobody pauses so long inside a word: where a word lies across it, the alignment had lost its
way there, and half as much speech is enough."""


@dataclass(frozen=True, slots=True)
class SpeakingRate:
    """Seconds of speech for one letter, and how far single words usually are from that."""

    per_letter: float
    deviation: float


def speaking_rates_of(pieces: Iterable[Piece], evidence: Sequence[Span]) -> dict[int, SpeakingRate]:
    """The speaking rate of each window that has one, by its number."""
    rates = ((piece.window.index, speaking_rate_of(piece.words, evidence)) for piece in pieces)
    return {number: rate for number, rate in rates if rate is not None}


def speaking_rate_of(words: Sequence[Word], evidence: Sequence[Span]) -> SpeakingRate | None:
    """The speaking rate of one window's `words`; None for too few, or if `evidence` hears few of
    them."""
    spoken = [
        (total(speech), letters(word.text))
        for word, speech in _with_speech(words, evidence)
        if letters(word.text)
    ]
    if len(spoken) < FEWEST_WORDS:
        return None
    per_letter = median(speech / size for speech, size in spoken)
    if per_letter <= 0:
        return None
    distance = median(abs(speech - per_letter * size) for speech, size in spoken)
    return SpeakingRate(per_letter, NORMAL * distance)


def find_stretched(
    words: Sequence[Word],
    evidence: Sequence[Span],
    rates: Mapping[int, SpeakingRate],
    certain: Sequence[Span] | None = None,
) -> list[tuple[Span, float]]:
    """(the speech that a word stands for, seconds of it that must be other words).

    `rates` are those of the windows that the words come from; where one is not known, nothing is
    found. Of the speech, which reaches to the next word, what lies in sorted, disjoint `certain`
    counts, if there is any such: much breath is speech for `evidence` alone. In order of time.
    """
    found: list[tuple[Span, float]] = []
    for word, speech in _with_speech(words, evidence):
        rate = rates.get(word.window)
        if rate is None:
            continue
        counted = speech if certain is None else intersect(speech, certain)
        needed = rate.per_letter * letters(word.text)
        inside = total(clip(counted, Span(word.start, word.end))) - needed
        excess = total(counted) - needed
        is_stretched = inside >= _most(word, rate, evidence, LEAST_SECONDS)
        if is_stretched or excess >= _most(word, rate, evidence, LEAST_SECONDS_BEHIND):
            found.append((Span(speech[0].start, speech[-1].end), excess))
    return found


def _most(word: Word, rate: SpeakingRate, evidence: Sequence[Span], seconds: float) -> float:
    """Seconds above its window's rate that `word` may take, at least `seconds` but for a pause."""
    most = max(THREE_WORDS * rate.per_letter, seconds, LEAST_DEVIATIONS * rate.deviation)
    own = Span(word.start, word.end)
    return most / 2 if own.duration - total(clip(evidence, own)) >= PAUSE else most


def _with_speech(
    words: Sequence[Word], evidence: Sequence[Span]
) -> Iterator[tuple[Word, tuple[Span, ...]]]:
    """Each word with the speech from its start to that of the next one."""
    for word, following in pairwise(words):
        until = max(following.start, word.start)
        yield word, clip(evidence, Span(word.start, until))
    if words:
        yield words[-1], clip(evidence, Span(words[-1].start, words[-1].end))
