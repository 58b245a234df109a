"""Repairs a seam: a window that lies across it is joined to both planned windows.

What is taken over lies inside the region; words beyond it only tell whether both say the same. A
planned window that says nothing where a second detector hears the repair's words passed over
them, and none of its can be doubled. Asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chunking.merging.disagreements import SeamComparison, has_evidence
from chunking.merging.seam_cut import Cut, JoinedSeam, find_cut
from chunking.merging.seam_regions import SeamRegion, first_from
from chunking.merging.word_alignment import TOLERANCE
from chunking.text.word_duration import focus
from chunking.types import Span, Word

NEIGHBOURS = 4
"""Words beyond either end of the region that are compared."""


@dataclass(frozen=True, slots=True)
class _Half:
    """The repair and one planned window, on one side of the seam."""

    comparison: SeamComparison
    interval: Span
    is_before: bool

    @property
    def planned(self) -> tuple[Word, ...]:
        return self.comparison.left if self.is_before else self.comparison.right

    @property
    def repair_words(self) -> tuple[Word, ...]:
        return self.comparison.right if self.is_before else self.comparison.left

    def join(self, cut: Cut) -> tuple[Word, ...]:
        """The words inside the region."""
        comparison = self.comparison
        stop = len(comparison.right) - comparison.trailing
        left = comparison.left[comparison.leading : cut.left_stop]
        return left + comparison.right[cut.right_start : stop]


def repair_seam(
    comparison: SeamComparison,
    seam_region: SeamRegion,
    sides: tuple[tuple[Word, ...], tuple[Word, ...]],
    time: float,
    repair_words: tuple[Word, ...],
) -> JoinedSeam | None:
    """What the region says once `repair_words` has settled the seam at `time`; None if it cannot.

    It agrees with both planned windows, or with one where the other is silent. `sides`: all words
    of the planned windows; `comparison` has those inside the region.
    """
    first, stop = (
        first_from(repair_words, edge)
        for edge in (seam_region.interval.start, seam_region.interval.end)
    )
    middle = min(max(first_from(repair_words, time), first), stop)
    halves = (
        _half_before(
            comparison,
            seam_region,
            sides[0],
            time,
            repair_words[max(first - NEIGHBOURS, 0) : middle],
        ),
        _half_after(
            comparison, seam_region, sides[1], time, repair_words[middle : stop + NEIGHBOURS]
        ),
    )
    anchors = [_find_anchor(half) for half in halves]
    if not any(anchors):
        return None
    words, agreeing = list[Word](), 0
    for half, anchor in zip(halves, anchors, strict=True):
        if anchor is not None:
            words += half.join(anchor)
            agreeing += anchor.agreeing
        elif _is_passed_over(half):
            words += _join_behind_last(half)
        else:
            return None
    return JoinedSeam(tuple(words), time, "repaired", agreeing)


def _half_before(
    comparison: SeamComparison,
    seam_region: SeamRegion,
    side: tuple[Word, ...],
    time: float,
    repair_words: tuple[Word, ...],
) -> _Half:
    assert seam_region.overlap is not None  # without an overlap nothing disagrees
    interval = seam_region.interval
    first = first_from(side, interval.start)
    lead = side[max(first - NEIGHBOURS, 0) : first]
    left = tuple(word for word in comparison.left if focus(word) < time + TOLERANCE)
    half = replace(
        comparison,
        left=lead + left,
        right=repair_words,
        overlap=Span(interval.start, max(time, interval.start)),
        aim=seam_region.overlap.start,
        leading=len(lead),
    )
    return _Half(half, interval, is_before=True)


def _half_after(
    comparison: SeamComparison,
    seam_region: SeamRegion,
    side: tuple[Word, ...],
    time: float,
    repair_words: tuple[Word, ...],
) -> _Half:
    assert seam_region.overlap is not None  # without an overlap nothing disagrees
    interval = seam_region.interval
    last = first_from(side, interval.end)
    trail = side[last : last + NEIGHBOURS]
    right = tuple(word for word in comparison.right if focus(word) >= time - TOLERANCE)
    half = replace(
        comparison,
        left=repair_words,
        right=right + trail,
        overlap=Span(min(time, interval.end), interval.end),
        aim=seam_region.overlap.end,
        trailing=len(trail),
    )
    return _Half(half, interval, is_before=False)


def _find_anchor(half: _Half) -> Cut | None:
    """Beside words that both have, unless they agree by chance."""
    cut = find_cut(half.comparison)
    return None if cut is None or cut.is_weak else cut


def _is_passed_over(half: _Half) -> bool:
    """Whether the planned window is silent where the second detector hears the repair's words."""
    core, evidence = half.comparison.core, half.comparison.evidence
    if evidence is None or any(core.start <= focus(word) <= core.end for word in half.planned):
        return False
    told = [word for word in half.repair_words if core.start <= focus(word) <= core.end]
    return bool(told) and all(has_evidence(word, evidence) for word in told)


def _join_behind_last(half: _Half) -> tuple[Word, ...]:
    """The planned window's words at the region's outer end, and all of the repair's beside them.

    What the planned window has beside the seam is left to the repair.
    """
    comparison = half.comparison
    if half.is_before:
        kept = comparison.left[: first_from(comparison.left, comparison.core.start)]
        outer = replace(half, comparison=replace(comparison, left=kept))
    else:
        kept = comparison.right[first_from(comparison.right, comparison.core.end) :]
        outer = replace(half, comparison=replace(comparison, right=kept))
    return outer.join(find_cut(outer.comparison) or _cut_between(outer))


def _cut_between(half: _Half) -> Cut:
    """By time, where both share no word: none of the repair's that meets one of the other's."""
    left, right, interval = half.comparison.left, half.comparison.right, half.interval
    if half.is_before:
        reached = left[-1].end if left else interval.start
        met = [w.end <= interval.start or focus(w) < reached for w in right]
        first = max((place + 1 for place, is_met in enumerate(met) if is_met), default=0)
        return Cut(len(left), first, interval.start, agreeing=0, disagreeing=0)
    reached = right[0].start if right else interval.end
    met = [w.start >= interval.end or focus(w) > reached for w in left]
    stop = met.index(True) if True in met else len(left)
    return Cut(stop, 0, interval.end, agreeing=0, disagreeing=0)
