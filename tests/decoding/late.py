"""A queue beside the main stream whose work is over later: a small `Beside` for the CPU."""

from __future__ import annotations

import threading

LIMIT_SECONDS = 60


class Late:
    """Work is done at once, but a mark passes only when asked `asks` times, or waited for.

    `opened`: nothing passes before. `queued`: names of the work that was run. `failure`: raised by
    the next mark that is asked.
    """

    def __init__(self, asks=0):
        self.asks = asks
        self.queued = []
        self.opened = threading.Event()
        self.opened.set()
        self.waited = threading.Event()
        self.failure = None
        self.lent = 0
        self.joined = 0

    def run(self, work):
        self.queued.append(work.func.__name__)
        return work()

    def mark(self):
        return _Mark(self)

    def join(self):
        self.joined += 1

    def lend(self, tensors):
        self.lent += sum(tensor.numel() > 0 for tensor in tensors)


class _Mark:
    def __init__(self, late):
        self._late = late
        self._asks_left = late.asks

    def is_passed(self):
        if self._late.failure is not None:
            failure, self._late.failure = self._late.failure, None
            raise failure
        self._asks_left -= 1
        return self._late.opened.is_set() and self._asks_left < 0

    def wait(self):
        self._late.waited.set()
        assert self._late.opened.wait(LIMIT_SECONDS)
        self._asks_left = 0
