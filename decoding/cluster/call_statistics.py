"""Statistics of what one gateway asks of replicas that it shares with others.

Counts its own clips: what replicas do for others is theirs to tell. Asks nobody.
"""

from __future__ import annotations

import threading

from decoding.types import Clip, Decoded, EngineStatistics


class CallStatistics:
    """Counters of answers; `slots` of each replica, of which `running` take clips now.

    `share` of the slots is this gateway's. Safe for several threads.
    """

    def __init__(self, slots: int, running: int, share: float = 1.0) -> None:
        self._slots = slots
        self._running = running
        self._share = share
        self._decoded = 0
        self._retried = 0
        self._tokens = 0
        self._seconds = 0.0
        self._lock = threading.Lock()

    @property
    def running(self) -> int:
        return self._running

    def note_running(self, count: int) -> None:
        self._running = count

    def note(self, clip: Clip, decoded: Decoded) -> None:
        with self._lock:
            self._decoded += 1
            self._retried += len(decoded.attempts) > 1
            self._tokens += len(decoded.tokens)
            self._seconds += clip.seconds

    def total(self, *, under_way: int, steps: int) -> EngineStatistics:
        """`under_way`: clips that are not answered; `steps` of whoever watches over replicas."""
        slots = round(self._slots * self._running * self._share)
        with self._lock:
            return EngineStatistics(
                slots=slots,
                slots_in_use=min(under_way, slots),
                queued=max(under_way - slots, 0),
                windows_decoded=self._decoded,
                windows_retried=self._retried,
                tokens_decoded=self._tokens,
                audio_seconds=self._seconds,
                steps=steps,
            )
