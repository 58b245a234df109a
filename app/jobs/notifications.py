"""Who waits for news of a job is woken at once; threads notify, coroutines wait.

Carries no news itself: a subscriber looks into the store, so a missed one loses nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Subscription:
    """Wakes one subscriber on its event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def notify(self) -> None:
        """May be called from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def notified(self, timeout: float) -> bool:
        """Wait for a notification since the last call, at most `timeout` seconds; whether there was
        one."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Notifications:
    """The subscriptions of all watchers, by job."""

    def __init__(self) -> None:
        self._subscriptions: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._lock = threading.Lock()
        self.is_closing = False

    @contextmanager
    def subscribed(self, job_id: str) -> Iterator[Subscription]:
        subscription = Subscription()
        with self._lock:
            self._subscriptions[job_id].add(subscription)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions[job_id].discard(subscription)
                if not self._subscriptions[job_id]:
                    del self._subscriptions[job_id]

    def subscribers(self, job_id: str) -> int:
        with self._lock:
            return len(self._subscriptions.get(job_id, ()))

    def notify(self, job_id: str) -> None:
        with self._lock:
            subscriptions = tuple(self._subscriptions.get(job_id, ()))
        for subscription in subscriptions:
            subscription.notify()

    def watched(self) -> list[str]:
        """Jobs that somebody waits for news of."""
        with self._lock:
            return list(self._subscriptions)

    def close(self) -> None:
        """The service stops: wake everyone, and let them see `is_closing`."""
        self.is_closing = True
        with self._lock:
            subscriptions = [
                subscription for waiting in self._subscriptions.values() for subscription in waiting
            ]
        for subscription in subscriptions:
            subscription.notify()
