"""Who waits for news of a job hears of it at once; threads ring, coroutines listen.

Carries no news itself: a listener looks into the store, so a missed ring loses nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Bell:
    """Rings for one listener on its event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        """May be called from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def rang(self, timeout: float) -> bool:
        """Wait for a ring since the last call, at most `timeout` seconds; whether there was one."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Signals:
    """The bells of all listeners, by job."""

    def __init__(self) -> None:
        self._bells: defaultdict[str, set[Bell]] = defaultdict(set)
        self._lock = threading.Lock()
        self.is_closing = False

    @contextmanager
    def listening(self, job_id: str) -> Iterator[Bell]:
        bell = Bell()
        with self._lock:
            self._bells[job_id].add(bell)
        try:
            yield bell
        finally:
            with self._lock:
                self._bells[job_id].discard(bell)
                if not self._bells[job_id]:
                    del self._bells[job_id]

    def listeners(self, job_id: str) -> int:
        with self._lock:
            return len(self._bells.get(job_id, ()))

    def ring(self, job_id: str) -> None:
        with self._lock:
            bells = tuple(self._bells.get(job_id, ()))
        for bell in bells:
            bell.ring()

    def close(self) -> None:
        """The service stops: wake everyone, and let them see `is_closing`."""
        self.is_closing = True
        with self._lock:
            bells = [bell for waiting in self._bells.values() for bell in waiting]
        for bell in bells:
            bell.ring()
