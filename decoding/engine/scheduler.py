"""The scheduler: which window goes next for a slot, and apart from them those that need none.

Each kind is fair and bounded as `WaitingQueue` is; neither waits for the other. Not safe to use
from several threads: the engine holds its own lock.
"""

from __future__ import annotations

from collections.abc import Iterator

from decoding.engine.waiting_queue import WaitingQueue
from decoding.engine.window_request import WindowRequest


class Scheduler:
    """Requests that wait, at most `limit` of each kind."""

    def __init__(self, limit: int) -> None:
        self._for_slots = WaitingQueue(limit)
        self._slotless = WaitingQueue(limit)

    def __len__(self) -> int:
        return len(self._for_slots) + len(self._slotless)

    def put(self, request: WindowRequest) -> None:
        """Raises `QueueFull`."""
        self._of(request).put(request)

    def put_back(self, request: WindowRequest) -> None:
        """Return one that could not be done yet; it goes first at its time."""
        self._of(request).put_back(request)

    def take(self) -> WindowRequest | None:
        """The next one for a slot, or None when none waits."""
        return self._for_slots.take()

    def take_slotless(self, most: int) -> list[WindowRequest]:
        """The next ones that need no slot, up to `most`."""
        taken: list[WindowRequest] = []
        while len(taken) < most and (following := self._slotless.take()) is not None:
            taken.append(following)
        return taken

    def remove(self, group: str) -> Iterator[WindowRequest]:
        """Take out every request of the group, whoever its caller is."""
        yield from self._for_slots.remove(group)
        yield from self._slotless.remove(group)

    def remove_all(self) -> Iterator[WindowRequest]:
        yield from self._for_slots.remove_all()
        yield from self._slotless.remove_all()

    def _of(self, request: WindowRequest) -> WaitingQueue:
        return self._for_slots if request.needs_slot else self._slotless
