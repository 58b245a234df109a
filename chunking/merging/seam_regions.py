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
