"""How far word times lie from reference times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.human.study import Heard

CLOSE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Distances in seconds of starts and ends of words heard right, shape (n,) each."""

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]

    @property
    def words(self) -> int:
        return len(self.starts)

    @property
    def mean(self) -> float | None:
        """Mean absolute error over starts and ends."""
        return float(self._both.mean()) if self.words else None

    @property
    def median(self) -> float | None:
        return float(np.median(self._both)) if self.words else None

    @property
    def close(self) -> float | None:
        """Share of boundaries within a tenth of a second."""
        return float((self._both <= CLOSE_SECONDS).mean()) if self.words else None

    @property
    def _both(self) -> NDArray[np.float64]:
        return np.concatenate([self.starts, self.ends])


def boundaries_of(recordings: Iterable[Heard]) -> Boundaries:
    """Pools recordings whose reference words have times; others add nothing."""
    pairs = [pair for heard in recordings for pair in _distances(heard)]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return Boundaries(table[:, 0], table[:, 1])


def _distances(heard: Heard) -> list[tuple[float, float]]:
    found = []
    for pair in heard.file.score.alignment:
        if pair.operation != "hit" or pair.hypothesis_index is None:
            continue
        reference = heard.reference_times[pair.position]
        own = heard.times[pair.hypothesis_index]
        if reference is not None and own is not None:
            found.append((abs(reference.start - own.start), abs(reference.end - own.end)))
    return found
