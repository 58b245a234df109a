"""Aligns what two windows say of the sound they share, by words under a limit of time.

Time alone never decides and equality alone never does: a pair must be near in time to be a pair,
so that a repeated word cannot match its twin seconds away. Decides nothing about cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from chunking.text.word_keys import Unit, similarity
from chunking.types import Span

TOLERANCE = 1.0
"""Word times of two windows are the same within about this many seconds."""
GUARD = 1.0
"""Words this close to a cut edge of their window are not trusted."""
FARTHEST_PAIR = 1.5 * TOLERANCE
FEWEST_FOR_OFFSET = 3

PAIR_PER_SECOND = 0.1
PAIR_PER_SQUARE_SECOND = 0.4
NEARLY_EQUAL = 0.5
NEARLY_EQUAL_SIMILARITY = 0.6
DIFFERENT = 1.2
GAP = 1.0
GAP_IN_GUARD = 0.35
GAP_OUTSIDE_OVERLAP = 0.02


NOWHERE = Span(inf, inf)


@dataclass(frozen=True, slots=True)
class Column:
    """One step of an alignment: indices of units, None where a side has nothing."""

    left: int | None
    right: int | None
    agrees: bool = False


def align(
    left: Sequence[Unit], right: Sequence[Unit], overlap: Span, hole: Span | None = None
) -> list[Column]:
    """The cheapest monotone path through `left` and `right`; every unit is in one column.

    `overlap` is the sound that both windows hold. In `hole` the left side is known to lack words;
    without one, each side may have stopped or begun anywhere in the shared sound.
    O(len(left) * len(right)); both are bounded by the overlap.
    """
    offset = clock_offset(left, right)
    lacking = _beyond(left, right, offset) if hole is None else (NOWHERE, hole)
    left_gaps = [_gap(unit, overlap, lacking[0]) for unit in left]
    right_gaps = [_gap(unit, overlap, lacking[1]) for unit in right]
    moves = _fill(left, right, offset, (left_gaps, right_gaps))
    return _trace(left, right, moves)


def clock_offset(left: Sequence[Unit], right: Sequence[Unit]) -> float:
    """Seconds that the right clock is ahead: median over words that each side has once, or 0."""
    once = _unique(right)
    shifts = [
        once[name].middle - unit.middle
        for name, unit in _unique(left).items()
        if name in once and abs(once[name].middle - unit.middle) <= 2 * TOLERANCE
    ]
    return median(shifts) if len(shifts) >= FEWEST_FOR_OFFSET else 0.0


def _unique(units: Sequence[Unit]) -> dict[str, Unit]:
    seen: dict[str, Unit | None] = {}
    for unit in units:
        seen[unit.key] = None if unit.key in seen else unit
    return {name: unit for name, unit in seen.items() if unit is not None}


def _beyond(left: Sequence[Unit], right: Sequence[Unit], offset: float) -> tuple[Span, Span]:
    """Where each side's units are before or behind all that the other wrote."""
    if not left or not right:
        return Span(0.0, inf), Span(0.0, inf)
    return Span(-inf, right[0].start - offset), Span(left[-1].end + offset, inf)


def _gap(unit: Unit, overlap: Span, lacking: Span) -> float:
    """What it costs that only one side has `unit`: little where either side is near its edge.

    Or where the other side wrote nothing: in `lacking`.
    """
    if unit.start < overlap.start or unit.end > overlap.end:
        return GAP_OUTSIDE_OVERLAP
    if lacking.start <= unit.middle <= lacking.end:
        return GAP_OUTSIDE_OVERLAP
    is_near_edge = unit.start < overlap.start + GUARD or unit.end > overlap.end - GUARD
    return GAP_IN_GUARD if is_near_edge else GAP


def _pair_cost(left: Unit, right: Unit, offset: float) -> float | None:
    apart = abs(right.middle - left.middle - offset)
    if apart > TOLERANCE:
        # The end of a word before a pause is often late and its start early: either may match.
        apart = min(abs(right.start - left.start - offset), abs(right.end - left.end - offset))
    if apart > FARTHEST_PAIR:
        return None
    timing = PAIR_PER_SECOND * apart + PAIR_PER_SQUARE_SECOND * apart**2
    if left.key == right.key:
        return timing
    if similarity(left.key, right.key) >= NEARLY_EQUAL_SIMILARITY:
        return NEARLY_EQUAL + timing
    return DIFFERENT + timing


_PAIR, _LEFT, _RIGHT = 0, 1, 2


def _fill(
    left: Sequence[Unit],
    right: Sequence[Unit],
    offset: float,
    gaps: tuple[Sequence[float], Sequence[float]],
) -> list[list[int]]:
    """The last move of the cheapest path to every cell, shape (len(left) + 1, len(right) + 1)."""
    left_gaps, right_gaps = gaps
    above = [0.0]
    for cost in right_gaps:
        above.append(above[-1] + cost)
    moves = [[_RIGHT] * (len(right) + 1)]
    for i, unit in enumerate(left):
        row = [above[0] + left_gaps[i]]
        move = [_LEFT]
        for j, other in enumerate(right):
            best, kind = above[j + 1] + left_gaps[i], _LEFT
            if row[j] + right_gaps[j] < best:
                best, kind = row[j] + right_gaps[j], _RIGHT
            pair = _pair_cost(unit, other, offset)
            if pair is not None and above[j] + pair <= best:
                best, kind = above[j] + pair, _PAIR
            row.append(best)
            move.append(kind)
        moves.append(move)
        above = row
    return moves


def _trace(left: Sequence[Unit], right: Sequence[Unit], moves: list[list[int]]) -> list[Column]:
    i, j = len(left), len(right)
    columns: list[Column] = []
    while i or j:
        move = moves[i][j]
        if move == _PAIR:
            i, j = i - 1, j - 1
            columns.append(Column(i, j, left[i].key == right[j].key))
        elif move == _LEFT:
            i -= 1
            columns.append(Column(i, None))
        else:
            j -= 1
            columns.append(Column(None, j))
    columns.reverse()
    return columns
