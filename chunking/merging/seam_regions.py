"""Divides the recording between windows: bodies that one window alone speaks for, and joints.

body 0, joint 0, body 1, joint 1, ...: a joint is a seam with some room around it, and all that a
seam or its repair may change lies inside its joint. Pure geometry; no word is compared here.
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
class Joint:
    """Between `left` and `right`. `shared` is what both hear, None across a skipped silence."""

    left: Window
    right: Window
    shared: Span | None
    interval: Span


def lay_joints(windows: Sequence[Window]) -> tuple[Joint, ...]:
    """The joints between neighbours; their intervals are disjoint and in order."""
    limits = [_middle_of_body(windows, place) for place in range(len(windows))]
    return tuple(
        _lay_joint(left, right, Span(limits[place], limits[place + 1]))
        for place, (left, right) in enumerate(pairwise(windows))
    )


def _middle_of_body(windows: Sequence[Window], place: int) -> float:
    """The middle of what only this window hears; where its two joints must end at the latest."""
    window = windows[place]
    start = max(window.start, windows[place - 1].end) if place else window.start
    end = window.end
    if place + 1 < len(windows):
        end = min(end, windows[place + 1].start)
    return (start + end) / 2


def _lay_joint(left: Window, right: Window, limits: Span) -> Joint:
    if right.start >= left.end:
        return Joint(left, right, None, Span(left.end, right.start))
    shared = Span(right.start, left.end)
    start = max(shared.start - REACH, limits.start, left.start)
    end = min(shared.end + REACH, limits.end, right.end)
    return Joint(left, right, shared, Span(start, max(start, end)))


def first_from(words: Sequence[Word], time: float) -> int:
    """Index of the first word that belongs to `time` or later; one rule for both sides."""
    for index, word in enumerate(words):
        if focus(word) >= time:
            return index
    return len(words)
