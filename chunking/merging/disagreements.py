"""What two windows say of the sound they share, and who is believed where they differ.

A disagreement between two agreeing words is settled whole, never word by word: one window's "25"
against the other's "twenty five" is one of the two. The side of the cut decides, unless it passed
over words that the other side has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf

from chunking.merging.word_alignment import GUARD, Column
from chunking.spans import clip
from chunking.text.word_duration import focus
from chunking.text.word_keys import Unit
from chunking.types import Span, Word

EVIDENCE_SLACK = 0.3
CREDIBLE = 0.5
"""Words that only one window has and no evidence judges are believed from this probability on."""
LONE_RUN = 3
LONE_HOLE = 0.8
"""So many words where the other side has nothing for so many seconds: it skipped them. Where a
second detector hears each of them the seconds do not matter: words around a skip are stretched."""
SURER = 0.1
LONE_MORE = 2
"""A side that is so much surer of as many words or more heard them better, between two words that
both have; before the first of these it has so many more: the other one garbled them."""


@dataclass(frozen=True, slots=True)
class SeamComparison:
    """What both sides say around one seam.

    `overlap` is the sound that both windows hold, `aim` where a cut is best (the middle of
    `overlap`, far from both cut edges). `evidence` is None without a second detector. The first
    `leading` words of `left` and the last `trailing` of `right` are outside of the region: they
    tell whether both say the same, and no cut takes them away.
    """

    left: tuple[Word, ...]
    right: tuple[Word, ...]
    overlap: Span
    aim: float
    by_grapheme: bool = False
    evidence: tuple[Span, ...] | None = None
    leading: int = 0
    trailing: int = 0

    @property
    def core(self) -> Span:
        """The shared sound without both guards."""
        if self.overlap.duration <= 2 * GUARD:
            middle = (self.overlap.start + self.overlap.end) / 2
            return Span(middle, middle)
        return Span(self.overlap.start + GUARD, self.overlap.end - GUARD)


def has_evidence(word: Word, evidence: Sequence[Span]) -> bool:
    """Whether sorted, disjoint `evidence` has speech within a little of the word's focus."""
    moment = focus(word)
    return bool(clip(evidence, Span(moment - EVIDENCE_SLACK, moment + EVIDENCE_SLACK)))


def word_boundary(units: Sequence[Unit], place: int, num_words: int) -> int | None:
    """Index of the word that starts at unit `place`; None if a word would be cut in two."""
    if place == len(units):
        return num_words
    if place and units[place - 1].last >= units[place].first:
        return None
    return units[place].first


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A disagreement: ranges of words, one of them may be empty.

    `hole`: seconds of nothing on the empty side, 0 if both have words. `is_closed`: between two
    agreeing words, not before the first of them.
    """

    left: range
    right: range
    is_before_cut: bool
    hole: float
    is_closed: bool


def find_disagreements(
    columns: Sequence[Column], left: Sequence[Unit], right: Sequence[Unit], place: int
) -> list[Disagreement]:
    """The disagreements between agreeing columns, and one before the first of them.

    `place` is the column behind the cut.
    """
    found: list[Disagreement] = []
    start = i = j = 0
    for agrees, group in groupby(columns, key=lambda column: column.agrees):
        run = list(group)
        stop = start + len(run)
        units = (
            range(i, i + sum(column.left is not None for column in run)),
            range(j, j + sum(column.right is not None for column in run)),
        )
        if not agrees and stop < len(columns) and (start or stop <= place):
            words = _words_of(left, units[0]), _words_of(right, units[1])
            if words[0] is not None and words[1] is not None:
                hole = (_hole(left, units[0]) or _hole(right, units[1])) if start else 0.0
                found.append(
                    Disagreement(words[0], words[1], stop <= place, hole, is_closed=start > 0)
                )
        start, i, j = stop, units[0].stop, units[1].stop
    return found


def _words_of(units: Sequence[Unit], place: range) -> range | None:
    """The words of the units at `place`, None if one of them lies partly outside."""
    first = word_boundary(units, place.start, 0)
    last = word_boundary(units, place.stop, 0)
    return None if first is None or last is None else range(first, last)


def _hole(units: Sequence[Unit], place: range) -> float:
    """Seconds between the neighbours of an empty `place`."""
    return 0.0 if place else max(units[place.stop].start - units[place.start - 1].end, 0.0)


def overrules(disagreement: Disagreement, comparison: SeamComparison) -> bool:
    """Whether the side of the cut passed over words that the other side has in `disagreement`, or
    is less sure of its own.

    A guard does not count here: words between two that both windows have were not cut by an edge.
    Different words count: to say the same ones again is a loop.
    """
    left = comparison.left[disagreement.left.start : disagreement.left.stop]
    right = comparison.right[disagreement.right.start : disagreement.right.stop]
    kept, other = (left, right) if disagreement.is_before_cut else (right, left)
    different = len({word.text.strip().casefold() for word in other})
    if not other or different - len(kept) < _fewest_more(kept, disagreement):
        return False
    if _confidence(other) < (_confidence(kept) + SURER if kept else CREDIBLE):
        return False
    if comparison.evidence is None:
        return not kept and disagreement.hole >= LONE_HOLE
    return all(has_evidence(word, comparison.evidence) for word in other)


def _fewest_more(kept: Sequence[Word], disagreement: Disagreement) -> float:
    """How many words more than `kept` the other side must have to be believed."""
    if disagreement.is_closed:
        return 0 if kept else LONE_RUN
    return LONE_MORE if kept else inf


def _confidence(words: Sequence[Word]) -> float:
    return sum(word.probability for word in words) / len(words)
