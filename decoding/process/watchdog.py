"""When an engine process that has work must be taken for stuck: it takes no step any more.

Looks at counters and at the clock's steps alone; it ends nothing, and starts no thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from decoding.types import EngineStatistics


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds an engine with work may go without a step.

    `longest` as long as it has finished nothing; after that `times` the longest step that it took,
    but at least `least` and at most `longest`. `tick`: between two looks. `start`: that a
    replacement may take until it is open.
    """

    longest: float = 900.0
    least: float = 60.0
    times: float = 20.0
    tick: float = 1.0
    start: float = 1800.0

    def __post_init__(self) -> None:
        if min(self.longest, self.least, self.times, self.tick, self.start) <= 0:
            raise ValueError(f"patience is above 0 in everything, got {self}")


class Watchdog:
    """Watches one process. Time is what it is told: who was stopped himself counts nothing."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._steps: int | None = None
        self._still = 0.0
        self._longest_step = 0.0
        self._has_finished = False

    @property
    def limit(self) -> float:
        """Seconds without a step that are allowed now."""
        patience = self._patience
        if not self._has_finished:
            return patience.longest
        return min(max(patience.least, patience.times * self._longest_step), patience.longest)

    def restarted(self) -> None:
        """Another process begins; how long a step may take is known of the one before."""
        self._steps, self._still = None, 0.0

    def told(self, statistics: EngineStatistics) -> None:
        """Take note of the engine's counters."""
        if statistics.steps != self._steps:
            self._steps = statistics.steps
            self._moved()

    def finished(self) -> None:
        """A clip came back, whatever became of it."""
        self._has_finished = True
        self._moved()

    def passed(self, seconds: float, *, has_work: bool) -> bool:
        """So much time went by; whether the engine is stuck."""
        if not has_work:
            self._still = 0.0
            return False
        self._still += min(seconds, 2 * self._patience.tick)
        return self._still > self.limit

    def _moved(self) -> None:
        self._longest_step = max(self._longest_step, self._still)
        self._still = 0.0
