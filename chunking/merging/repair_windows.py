"""The windows that a merge may ask for: where they lie and how they are numbered.

A number follows from what is asked, never from when, so that two runs which get the same pieces
in another order ask for the same windows under the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from chunking.audit.coverage import WORD_SLACK
from chunking.merging.seam_regions import MOST_WINDOWS
from chunking.merging.word_alignment import TOLERANCE
from chunking.text.word_duration import is_overlong
from chunking.types import RepairReason, RepairRequest, Span, Window, WindowKind, Word

SPLIT_OVERLAP = 3.0
SHORTEST_SPLIT = 8.0
"""A shorter window is not split again."""
LEAD_IN = 0.3
"""A window for a gap begins this much before its speech."""
LONGEST_GAP = 25.0
"""A longer gap becomes several requests."""

LONGEST_JOINED = 15.0
"""Gaps side by side are heard by one window up to so many seconds: a second one, centred on them,
hears all of them as well."""

ALIKE = 1.0
"""Two windows for one gap begin or end at least so many seconds apart: others are heard alike."""
SHORT_END = 5.0
"""A second window that cannot begin elsewhere ends so soon behind its gap."""

BEHIND = 2 * TOLERANCE
"""Seconds behind a gap in which words of its window are looked at, to know those that follow it."""

ROOM = 3.0
"""A gap's repair may reach this far beyond the uncovered speech."""

_SLOTS = 8
_SEAM_SLOT = 6
_TICKS = 100
"""Gaps and stretched words are told apart by their start in hundredths of a second."""


def split_number(place: int, node: int) -> int:
    """Halves of the window at `place` are nodes 1 and 2, halves of node n 2n+1 and 2n+2."""
    return MOST_WINDOWS + place * _SLOTS + node - 1


def seam_number(place: int, attempt: int) -> int:
    return MOST_WINDOWS + place * _SLOTS + _SEAM_SLOT + attempt


def gap_number(start: float, attempt: int) -> int:
    return _number_at(start) + attempt


def hidden_number(place: int, start: float, attempt: int) -> int:
    """For a stretched word of the window at `place`; at most two windows hear a moment."""
    return _number_at(start) + 2 + place % 3 * 2 + attempt


def _number_at(start: float) -> int:
    return MOST_WINDOWS * (1 + _SLOTS) + round(start * _TICKS) * _SLOTS


def split_requests(
    window: Window, place: int, node: int, *, is_mixed: bool
) -> tuple[RepairRequest, RepairRequest]:
    """Both halves of a window whose decoding ended before its sound did, or in which there may be
    several languages; they overlap."""
    middle = (window.start + window.end) / 2
    half = SPLIT_OVERLAP / 2
    spans = Span(window.start, middle + half), Span(middle - half, window.end)
    kind: WindowKind = "mixed" if is_mixed else "split"
    reason: RepairReason = "mixed" if is_mixed else "truncated"
    first, second = (
        RepairRequest(
            Window(split_number(place, 2 * node + 1 + side), span.start, span.end, kind),
            span,
            reason,
        )
        for side, span in enumerate(spans)
    )
    return first, second


def seam_request(interval: Span, centre: float, bounds: Span, number: int) -> RepairRequest:
    """A window centred on the seam: there this seam does not exist."""
    return _request(number, "seam", _around(centre, bounds), interval)


def gap_request(
    gap: Span, onset: float, attempt: int, bounds: Span, number: int
) -> RepairRequest | None:
    """First a window that begins at `onset`, where speech does, then one centred on the gap.

    A model that hears silence first tends to skip the words behind it. `bounds` is the recording.
    None if a second window could not differ from the first.
    """
    window = _from_onset(gap, onset, attempt, bounds)
    if window is None:
        return None
    return _request(number, "gap", window, gap, needed_until=gap.end + BEHIND)


def hidden_request(
    hidden: Span, onset: float, attempt: int, bounds: Span, number: int
) -> RepairRequest | None:
    """As for a gap: first a window that begins at `onset`, then one centred on what is hidden."""
    window = _from_onset(hidden, onset, attempt, bounds)
    return None if window is None else _request(number, "hidden", window, hidden)


def _from_onset(gap: Span, onset: float, attempt: int, bounds: Span) -> Span | None:
    start = max(onset - LEAD_IN, 0.0)
    first = Span(start, min(start + LONGEST_WINDOW, bounds.end))
    if not attempt:
        return first
    centred = _around((gap.start + gap.end) / 2, bounds)
    if abs(centred.start - first.start) >= ALIKE:
        return centred
    # Where the recording has just begun, a window can only end elsewhere.
    short = Span(first.start, min(gap.end + SHORT_END, first.end))
    return short if first.end - short.end >= ALIKE else None


LONGEST_WINDOW = 30.0


def _around(centre: float, bounds: Span) -> Span:
    start = max(min(centre - LONGEST_WINDOW / 2, bounds.end - LONGEST_WINDOW), bounds.start)
    return Span(start, min(start + LONGEST_WINDOW, bounds.end))


def _request(
    number: int,
    reason: Literal["seam", "gap", "hidden"],
    window: Span,
    interval: Span,
    needed_until: float | None = None,
) -> RepairRequest:
    cut = Window(number, window.start, window.end, reason, needed_until)
    return RepairRequest(cut, interval, reason)


def chop(gap: Span) -> tuple[Span, ...]:
    """A long gap in equal parts, each short enough for one window."""
    parts = int(-(-gap.duration // LONGEST_GAP)) or 1
    step = gap.duration / parts
    return tuple(
        Span(gap.start + step * part, gap.start + step * (part + 1)) for part in range(parts)
    )


def join(gaps: Sequence[Span]) -> tuple[Span, ...]:
    """Sorted `gaps` of which those that touch are one, as long as that is not too long."""
    joined: list[Span] = []
    for gap in gaps:
        whole = Span(joined[-1].start, gap.end) if joined else gap
        if joined and gap.start <= joined[-1].end and whole.duration <= LONGEST_JOINED:
            joined[-1] = whole
        else:
            joined.append(gap)
    return tuple(joined)


def with_room(gaps: Sequence[Span], words: Sequence[Word], region: Span) -> tuple[Span, ...]:
    """`gaps` with what little speech lies between them and the words around them; disjoint.

    Under an overlong word a gap begins where that word does: nobody knows which part of it is
    the word.
    """
    roomy: list[Span] = []
    floor = region.start
    for place, gap in enumerate(gaps):
        following = gaps[place + 1].start if place + 1 < len(gaps) else region.end
        start = max((_leaves(word, gap) for word in words if word.start < gap.start), default=floor)
        end = min((w.start for w in words if w.start >= gap.end - WORD_SLACK), default=following)
        start = min(max(start, gap.start - _reach(words, gap), floor), gap.start)
        roomy.append(Span(start, max(min(end, following, gap.end + ROOM), gap.end)))
        floor = roomy[-1].end
    return tuple(roomy)


def _leaves(word: Word, gap: Span) -> float:
    """From when on the sound may be another word's."""
    return word.start if is_overlong(word) and word.end > gap.start else min(word.end, gap.start)


def _reach(words: Sequence[Word], gap: Span) -> float:
    """How far before `gap` its repair may begin."""
    around = (w for w in words if w.start < gap.start < w.end and is_overlong(w))
    return max((gap.start - word.start for word in around), default=ROOM)
