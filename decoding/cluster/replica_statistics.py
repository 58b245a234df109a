"""Statistics of replicas that come and go, as if they were one engine's.

Asks nobody: each answer of a replica brings its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from decoding.types import EngineStatistics

FRESH_SECONDS = 5.0  # that what a replica holds now may be believed
_GAUGES = {"slots_in_use": 0, "queued": 0}


@dataclass(frozen=True, slots=True)
class _Told:
    """What a replica told last, and when."""

    statistics: EngineStatistics
    moment: float


class ReplicaStatistics:
    """Counters of all replicas so far, gauges of those that run. Safe for several threads."""

    def __init__(
        self, slots: int, running: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, _Told] = {}
        self._slots = slots  # of each
        self._running = running

    def note(self, replica: str, statistics: EngineStatistics) -> None:
        with self._lock:
            self._told[replica] = _Told(statistics, self._clock())
            self._slots = statistics.slots or self._slots

    def note_running(self, count: int) -> None:
        """So many replicas take clips now."""
        with self._lock:
            self._running = count

    @property
    def running(self) -> int:
        return self._running

    def total(self, *, steps: int) -> EngineStatistics:
        """`steps` of whoever watches over them."""
        with self._lock:
            parts = [self._now(told) for told in self._told.values()]
            sums = {
                field.name: sum(getattr(part, field.name) for part in parts)
                for field in fields(EngineStatistics)
            }
            sums["slots"] = self._slots * self._running
        return EngineStatistics(**(sums | {"steps": steps}))

    def _now(self, told: _Told) -> EngineStatistics:
        """What it holds is forgotten when it has said nothing for a while: it may be gone."""
        if self._clock() - told.moment <= FRESH_SECONDS:
            return told.statistics
        return replace(told.statistics, **_GAUGES, device_memory_bytes=0)
