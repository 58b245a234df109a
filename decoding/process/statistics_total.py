"""Statistics of engine processes that follow each other, as if they were one engine's.

Asks nobody: whoever speaks with the processes says what they told.
"""

from __future__ import annotations

import threading
from dataclasses import fields, replace

from decoding.types import EngineStatistics

ANSWER_SECONDS = 2.0  # that `wait` waits before what is known must do

_COUNTERS = ("windows_decoded", "windows_retried", "tokens_decoded", "audio_seconds", "steps")


class StatisticsTotal:
    """Statistics of the process that works now on top of those of the dead."""

    def __init__(self) -> None:
        self._before = EngineStatistics()
        self._now = EngineStatistics()
        self._tickets = 0
        self._answered = 0
        self._changed = threading.Condition()

    def new_ticket(self) -> int:
        with self._changed:
            self._tickets += 1
            return self._tickets

    def note(self, statistics: EngineStatistics, ticket: int = 0) -> None:
        with self._changed:
            self._now = statistics
            self._answered = max(self._answered, ticket)
            self._changed.notify_all()

    def note_death(self) -> None:
        with self._changed:
            self._before = replace(self._sum(), deaths=self._before.deaths + 1)
            self._now = EngineStatistics()
            self._answered = self._tickets  # nobody will
            self._changed.notify_all()

    def wait(self, ticket: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._answered >= ticket, ANSWER_SECONDS)

    def total(self, *, num_unsent: int) -> EngineStatistics:
        with self._changed:
            total = self._sum()
        known = total.queued + total.slots_in_use
        return replace(total, queued=total.queued + max(num_unsent - known, 0))

    def _sum(self) -> EngineStatistics:
        counted = {
            name: getattr(self._before, name) + getattr(self._now, name) for name in _COUNTERS
        }
        gauges = {f.name: getattr(self._now, f.name) for f in fields(EngineStatistics)}
        counted["deaths"] = self._before.deaths  # which only we can count
        return EngineStatistics(**(gauges | counted))
