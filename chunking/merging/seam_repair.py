"""Splices a repair's window, which hears across a disputed seam, between both planned windows.

What is taken over lies inside the joint; words beyond it only tell whether both hear the same. A
planned window that says nothing where a second detector hears the repair's words passed over
them, and none of its can be doubled. Asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chunking.merging.disagreements import Dispute, is_heard
from chunking.merging.seam_cut import Cut, Settlement, find_cut
from chunking.merging.seam_regions import Joint, first_from
from chunking.merging.word_alignment import TOLERANCE
from chunking.text.word_duration import focus
from chunking.types import Span, Word

NEIGHBOURS = 4
"""Words beyond either end of the joint that are compared."""


@dataclass(frozen=True, slots=True)
class _Half:
    """The repair and one planned window, on one side of the seam."""

    dispute: Dispute
    interval: Span
    is_before: bool

    @property
    def planned(self) -> tuple[Word, ...]:
        return self.dispute.left if self.is_before else self.dispute.right

    @property
    def heard(self) -> tuple[Word, ...]:
        return self.dispute.right if self.is_before else self.dispute.left

    def join(self, cut: Cut) -> tuple[Word, ...]:
        """The words inside the joint."""
        dispute = self.dispute
        stop = len(dispute.right) - dispute.trailing
        left = dispute.left[dispute.leading : cut.left_stop]
        return left + dispute.right[cut.right_start : stop]


def splice(
    dispute: Dispute,
    joint: Joint,
    sides: tuple[tuple[Word, ...], tuple[Word, ...]],
    time: float,
    heard: tuple[Word, ...],
) -> Settlement | None:
    """What the joint says once `heard` has settled the dispute at `time`; None if it cannot.

    It agrees with both planned windows, or with one where the other is silent. `sides`: all words
    of the planned windows; `dispute` has those inside the joint.
    """
    first, stop = (first_from(heard, edge) for edge in (joint.interval.start, joint.interval.end))
    middle = min(max(first_from(heard, time), first), stop)
    halves = (
        _half_before(dispute, joint, sides[0], time, heard[max(first - NEIGHBOURS, 0) : middle]),
        _half_after(dispute, joint, sides[1], time, heard[middle : stop + NEIGHBOURS]),
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
    return Settlement(tuple(words), time, "repaired", agreeing)


def _half_before(
    dispute: Dispute, joint: Joint, side: tuple[Word, ...], time: float, heard: tuple[Word, ...]
) -> _Half:
    assert joint.shared is not None  # a joint without shared sound is never disputed
    interval = joint.interval
    first = first_from(side, interval.start)
    lead = side[max(first - NEIGHBOURS, 0) : first]
    left = tuple(word for word in dispute.left if focus(word) < time + TOLERANCE)
    half = replace(
        dispute,
        left=lead + left,
        right=heard,
        shared=Span(interval.start, max(time, interval.start)),
        aim=joint.shared.start,
        leading=len(lead),
    )
    return _Half(half, interval, is_before=True)


def _half_after(
    dispute: Dispute, joint: Joint, side: tuple[Word, ...], time: float, heard: tuple[Word, ...]
) -> _Half:
    assert joint.shared is not None  # a joint without shared sound is never disputed
    interval = joint.interval
    last = first_from(side, interval.end)
    trail = side[last : last + NEIGHBOURS]
    right = tuple(word for word in dispute.right if focus(word) >= time - TOLERANCE)
    half = replace(
        dispute,
        left=heard,
        right=right + trail,
        shared=Span(min(time, interval.end), interval.end),
        aim=joint.shared.end,
        trailing=len(trail),
    )
    return _Half(half, interval, is_before=False)


def _find_anchor(half: _Half) -> Cut | None:
    """Beside words that both have, unless they agree by chance."""
    cut = find_cut(half.dispute)
    return None if cut is None or cut.is_weak else cut


def _is_passed_over(half: _Half) -> bool:
    """Whether the planned window is silent where the second detector hears the repair's words."""
    core, evidence = half.dispute.core, half.dispute.evidence
    if evidence is None or any(core.start <= focus(word) <= core.end for word in half.planned):
        return False
    told = [word for word in half.heard if core.start <= focus(word) <= core.end]
    return bool(told) and all(is_heard(word, evidence) for word in told)


def _join_behind_last(half: _Half) -> tuple[Word, ...]:
    """The planned window's words at the joint's outer end, and all of the repair's beside them.

    What the planned window has beside the seam is left to the repair.
    """
    dispute = half.dispute
    if half.is_before:
        kept = dispute.left[: first_from(dispute.left, dispute.core.start)]
        outer = replace(half, dispute=replace(dispute, left=kept))
    else:
        kept = dispute.right[first_from(dispute.right, dispute.core.end) :]
        outer = replace(half, dispute=replace(dispute, right=kept))
    return outer.join(find_cut(outer.dispute) or _cut_between(outer))


def _cut_between(half: _Half) -> Cut:
    """By time, where both share no word: none of the repair's that meets one of the other's."""
    left, right, interval = half.dispute.left, half.dispute.right, half.interval
    if half.is_before:
        reached = left[-1].end if left else interval.start
        met = [w.end <= interval.start or focus(w) < reached for w in right]
        first = max((place + 1 for place, is_met in enumerate(met) if is_met), default=0)
        return Cut(len(left), first, interval.start, agreeing=0, disputed=0)
    reached = right[0].start if right else interval.end
    met = [w.start >= interval.end or focus(w) > reached for w in left]
    stop = met.index(True) if True in met else len(left)
    return Cut(stop, 0, interval.end, agreeing=0, disputed=0)
