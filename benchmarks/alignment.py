"""Aligns reference words with hypothesis words at the least cost.

Plain references at unit costs go to rapidfuzz. References with alternatives, and weighted costs,
go to an exact dynamic programme over the graph of alternatives that keeps one row in every
sqrt(n), so memory stays small for hours of speech. Text is not normalised here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

Operation = Literal["hit", "substitution", "deletion", "insertion"]
Row = NDArray[np.int32]

UNREACHED = np.int32(2**30)


@dataclass(frozen=True, slots=True)
class Alternative:
    """`words` count as right in place of words `start` to `end`; no words: these may be absent."""

    start: int
    end: int
    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"an alternative replaces one word or more: {self.start}..{self.end}")


@dataclass(frozen=True, slots=True)
class Reference:
    """What was said: one reading in `words` and other readings that count as right."""

    words: tuple[str, ...]
    alternatives: tuple[Alternative, ...] = ()

    def __post_init__(self) -> None:
        if any(a.end > len(self.words) for a in self.alternatives):
            raise ValueError("an alternative reaches beyond the last word of its reference")


@dataclass(frozen=True, slots=True)
class Costs:
    """What an error costs while aligning. NIST's sclite uses 4, 3, 3."""

    substitution: int = 1
    deletion: int = 1
    insertion: int = 1

    def __post_init__(self) -> None:
        if min(self.substitution, self.deletion, self.insertion) < 1:
            raise ValueError(f"every error costs at least 1, got {self}")


UNIT_COSTS = Costs()
SCLITE_COSTS = Costs(substitution=4, deletion=3, insertion=3)


@dataclass(frozen=True, slots=True)
class AlignedPair:
    """One column of an alignment; the side that has no word here is None.

    `position` counts words of the reference's first reading before this column. Inside an
    alternative it is where the alternative starts; for an insertion, the next word's position.
    """

    reference: str | None
    hypothesis: str | None
    position: int
    hypothesis_index: int | None

    @property
    def operation(self) -> Operation:
        if self.reference is None:
            return "insertion"
        if self.hypothesis is None:
            return "deletion"
        return "hit" if self.reference == self.hypothesis else "substitution"

    @property
    def is_error(self) -> bool:
        return self.reference != self.hypothesis


def align(
    reference: Reference, hypothesis: Sequence[str], costs: Costs = UNIT_COSTS
) -> tuple[AlignedPair, ...]:
    """The cheapest alignment, in order; every word of `hypothesis` stands in exactly one column."""
    if not reference.alternatives and costs == UNIT_COSTS:
        return _align_plain(reference.words, hypothesis)
    return _GraphAligner(_Graph.of(reference), hypothesis, costs).align()


def _as_numbers(first: Sequence[str], second: Sequence[str]) -> tuple[list[int], list[int]]:
    """Words as small integers: rapidfuzz compares these faster than strings."""
    numbers: dict[str, int] = {}
    left = [numbers.setdefault(word, len(numbers)) for word in first]
    right = [numbers.setdefault(word, len(numbers)) for word in second]
    return left, right


def _align_plain(words: Sequence[str], hypothesis: Sequence[str]) -> tuple[AlignedPair, ...]:
    left, right = _as_numbers(words, hypothesis)
    pairs: list[AlignedPair] = []
    for code in Levenshtein.opcodes(left, right):
        i, j = code.src_start, code.dest_start
        if code.tag == "insert":
            pairs.extend(AlignedPair(None, hypothesis[n], i, n) for n in range(j, code.dest_end))
        elif code.tag == "delete":
            pairs.extend(AlignedPair(words[n], None, n, None) for n in range(i, code.src_end))
        else:
            pairs.extend(
                AlignedPair(words[i + n], hypothesis[j + n], i + n, j + n)
                for n in range(code.src_end - i)
            )
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class _Arc:
    """From node `source` to the node that lists it, saying `word` (None says nothing)."""

    source: int
    word: str | None


@dataclass(frozen=True, slots=True)
class _Graph:
    """Readings of a reference as a graph; nodes are numbered so that arcs only go up.

    `arcs[n]` enter node n; `positions[n]` are base words before node n; `gates` are the nodes
    that every path passes, the first and last among them.
    """

    arcs: tuple[tuple[_Arc, ...], ...]
    positions: tuple[int, ...]
    gates: tuple[int, ...]

    @classmethod
    def of(cls, reference: Reference) -> _Graph:
        starting: dict[int, list[Alternative]] = {}
        for alternative in reference.alternatives:
            starting.setdefault(alternative.start, []).append(alternative)
        arcs: list[list[_Arc]] = []
        positions: list[int] = []
        waiting: dict[int, list[_Arc]] = {}  # arcs into a base node that does not exist yet
        gates: list[int] = []
        reach = 0
        for position in range(len(reference.words) + 1):
            node = len(arcs)
            arcs.append(waiting.pop(position, []))
            positions.append(position)
            if reach <= position:
                gates.append(node)
            if position < len(reference.words):
                waiting.setdefault(position + 1, []).append(_Arc(node, reference.words[position]))
            for alternative in starting.get(position, ()):
                reach = max(reach, alternative.end)
                source = node
                for word in alternative.words[:-1]:
                    arcs.append([_Arc(source, word)])
                    positions.append(position)
                    source = len(arcs) - 1
                last = alternative.words[-1] if alternative.words else None
                waiting.setdefault(alternative.end, []).append(_Arc(source, last))
        return cls(tuple(tuple(a) for a in arcs), tuple(positions), tuple(gates))


@dataclass(slots=True)
class _GraphAligner:
    """One alignment: rows forward between gates, then the path backward, section by section."""

    graph: _Graph
    hypothesis: Sequence[str]
    costs: Costs
    _numbers: dict[str, int] = field(default_factory=dict)
    _heard: Row = field(init=False)
    _ramp: Row = field(init=False)

    def __post_init__(self) -> None:
        numbers = [self._numbers.setdefault(w, len(self._numbers)) for w in self.hypothesis]
        self._heard = np.array(numbers, dtype=np.int32)
        self._ramp = np.arange(len(numbers) + 1, dtype=np.int32) * np.int32(self.costs.insertion)

    def align(self) -> tuple[AlignedPair, ...]:
        sections = self._sections()
        # 1. forward: only the row of each section's first node is kept
        first_rows = [self._ramp.copy()]
        for start, end in sections:
            first_rows.append(self._rows(start, end, first_rows[-1])[end])
        # 2. backward: a section's rows are computed again while its path is traced
        pairs: list[AlignedPair] = []
        heard = len(self.hypothesis)
        for (start, end), row in zip(reversed(sections), reversed(first_rows[:-1]), strict=True):
            heard = self._trace(start, end, heard, self._rows(start, end, row), pairs)
        pairs.extend(self._insertion(n, 0) for n in range(heard - 1, -1, -1))
        return tuple(reversed(pairs))

    def _sections(self) -> list[tuple[int, int]]:
        gates = self.graph.gates
        step = max(int(len(gates) ** 0.5), 1)
        kept = [*gates[:-1:step], gates[-1]]
        return list(pairwise(kept))

    def _rows(self, start: int, end: int, first: Row) -> dict[int, Row]:
        """Cheapest cost of (node, words heard) for the nodes `start` to `end`."""
        rows = {start: first}
        for node in range(start + 1, end + 1):
            best = np.full_like(first, UNREACHED)
            for arc in self.graph.arcs[node]:
                np.minimum(best, self._step(rows[arc.source], arc.word), out=best)
            rows[node] = np.minimum.accumulate(best - self._ramp) + self._ramp
        return rows

    def _step(self, row: Row, word: str | None) -> Row:
        if word is None:
            return row
        stepped: Row = row + np.int32(self.costs.deletion)
        number = self._numbers.get(word, -1)
        across = row[:-1] + np.where(self._heard == number, 0, self.costs.substitution)
        np.minimum(stepped[1:], across, out=stepped[1:])
        return stepped

    def _trace(
        self, start: int, node: int, heard: int, rows: dict[int, Row], pairs: list[AlignedPair]
    ) -> int:
        """Appends the section's columns last to first; returns words heard before the section."""
        while node > start:
            move = self._move(node, heard, rows)
            if move is None:
                heard -= 1
                pairs.append(self._insertion(heard, self.graph.positions[node]))
                continue
            arc, words_heard = move
            if arc.word is not None:
                position = self.graph.positions[arc.source]
                index = heard - 1 if words_heard else None
                spoken = self.hypothesis[heard - 1] if words_heard else None
                pairs.append(AlignedPair(arc.word, spoken, position, index))
            node = arc.source
            heard -= words_heard
        return heard

    def _move(self, node: int, heard: int, rows: dict[int, Row]) -> tuple[_Arc, int] | None:
        """The arc that led here and the words it heard (0 or 1); None: an insertion led here.

        Of equal costs, words that pair come before words left out or added.
        """
        cost = int(rows[node][heard])
        for arc in self.graph.arcs[node]:
            if arc.word is None:
                if int(rows[arc.source][heard]) == cost:
                    return arc, 0
            elif heard and int(rows[arc.source][heard - 1]) + self._pair_cost(arc, heard) == cost:
                return arc, 1
        for arc in self.graph.arcs[node]:
            deleted = int(rows[arc.source][heard]) + self.costs.deletion
            if arc.word is not None and deleted == cost:
                return arc, 0
        return None

    def _pair_cost(self, arc: _Arc, heard: int) -> int:
        return 0 if arc.word == self.hypothesis[heard - 1] else self.costs.substitution

    def _insertion(self, index: int, position: int) -> AlignedPair:
        return AlignedPair(None, self.hypothesis[index], position, index)
