"""Divides the recording between windows: bodies that one window alone speaks for, and the regions
of seams.

body 0, region 0, body 1, region 1, ...: a region is a seam with some room around it, and all that a
seam or its repair may change lies inside its region. Pure geometry; no word is compared here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chunking.text.word_duration import focus
from chunking.types import Span, Window, Word

MOST_WINDOWS = 1_000_000
"""Planned windows have lower numbers, repairs higher ones: how many there will be nobody knows."""
REACH = 5.0
"""Seconds around the shared sound in which a repaired seam may find agreeing words."""


@dataclass(frozen=True, slots=True)
class SeamRegion:
    """Between `left` and `right`. `overlap` is what both windows hold, None across a skipped
    silence."""

    left: Window
    right: Window
    overlap: Span | None
    interval: Span


def lay_seam_regions(windows: Sequence[Window]) -> tuple[SeamRegion, ...]:
    """The regions between neighbours; their intervals are disjoint and in order."""
    limits = [_middle_of_body(windows, place) for place in range(len(windows))]
    return tuple(
        _lay_seam_region(left, right, Span(limits[place], limits[place + 1]))
        for place, (left, right) in enumerate(pairwise(windows))
    )


class Layout:
    """The plan as far as it is known, and what each window speaks for.

    A window ends where the next one begins, and a seam where the one behind that does: what hangs
    on windows that are not known yet is not known either.
    """

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.places: dict[int, int] = {}
        self.is_whole = False
        self._regions: list[SeamRegion] = []

    def extend(self, windows: Sequence[Window], *, is_whole: bool) -> None:
        """`windows`: all that are known now, in order; raises ValueError for other ones."""
        known = len(self.windows)
        if self.is_whole and len(windows) > known:
            raise ValueError(f"the plan was whole with {known} windows, got {len(windows)}")
        _check_order(windows[max(known - 1, 0) :])
        self.windows += windows[known:]
        self.is_whole = is_whole
        self.places.update((windows[place].index, place) for place in range(known, len(windows)))
        # The last region ended where its window did; now another one may follow.
        last = max(known - 2, 0)
        around = max(last - 1, 0)
        self._regions[last:] = lay_seam_regions(self.windows[around:])[last - around :]

    def knows_body(self, place: int) -> bool:
        return place < len(self.windows) - (0 if self.is_whole else 1)

    def knows_region(self, place: int) -> bool:
        return 0 <= place < len(self.windows) - (1 if self.is_whole else 2)

    def body(self, place: int) -> tuple[float, float | None]:
        """Between which times the window at `place` speaks alone; None: to the end."""
        start = self._regions[place - 1].interval.end if place else 0.0
        if place < len(self._regions):
            return start, self._regions[place].interval.start
        return start, None

    def region(self, place: int) -> SeamRegion:
        """Between the windows at `place` and behind it."""
        return self._regions[place]


def _check_order(windows: Sequence[Window]) -> None:
    for left, right in pairwise(windows):
        if right.start < left.start or right.end < left.end or right.index <= left.index:
            raise ValueError(f"windows must be in order, got {left} before {right}")
    if windows and windows[-1].index >= MOST_WINDOWS:
        raise ValueError(f"windows have numbers below {MOST_WINDOWS}, got {windows[-1]}")


def _middle_of_body(windows: Sequence[Window], place: int) -> float:
    """The middle of what only this window holds; where its two regions must end at the latest."""
    window = windows[place]
    start = max(window.start, windows[place - 1].end) if place else window.start
    end = window.end
    if place + 1 < len(windows):
        end = min(end, windows[place + 1].start)
    return (start + end) / 2


def _lay_seam_region(left: Window, right: Window, limits: Span) -> SeamRegion:
    if right.start >= left.end:
        return SeamRegion(left, right, None, Span(left.end, right.start))
    overlap = Span(right.start, left.end)
    start = max(overlap.start - REACH, limits.start, left.start)
    end = min(overlap.end + REACH, limits.end, right.end)
    return SeamRegion(left, right, overlap, Span(start, max(start, end)))


def first_from(words: Sequence[Word], time: float) -> int:
    """Index of the first word that belongs to `time` or later; one rule for both sides."""
    for index, word in enumerate(words):
        if focus(word) >= time:
            return index
    return len(words)
