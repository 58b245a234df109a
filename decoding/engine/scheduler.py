"""The scheduler: which clip goes next for a slot, and apart from them those that need none.

Each kind is fair and bounded as `WaitingQueue` is; neither waits for the other. Not safe to use
from several threads: the engine holds its own lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from decoding.engine.waiting_queue import WaitingQueue
from decoding.types import Clip

Item = TypeVar("Item")


class Scheduler(Generic[Item]):
    """Clips with whatever the engine keeps beside them, at most `limit` of each kind."""

    def __init__(self, limit: int) -> None:
        self._for_slots: WaitingQueue[Item] = WaitingQueue(limit)
        self._slotless: WaitingQueue[Item] = WaitingQueue(limit)

    def __len__(self) -> int:
        return len(self._for_slots) + len(self._slotless)

    def put(self, clip: Clip, item: Item, *, needs_slot: bool) -> None:
        """Queue a clip. Raises `QueueFull`."""
        self._of(needs_slot).put(clip, item)

    def put_back(self, clip: Clip, item: Item, *, needs_slot: bool) -> None:
        """Return a clip that could not be done yet; it goes first in its group."""
        self._of(needs_slot).put_back(clip, item)

    def take(self) -> tuple[Clip, Item] | None:
        """The next clip for a slot, or None when none waits."""
        return self._for_slots.take()

    def take_slotless(self, most: int) -> list[Item]:
        """The next clips that need no slot, up to `most`."""
        taken: list[Item] = []
        while len(taken) < most and (following := self._slotless.take()) is not None:
            taken.append(following[1])
        return taken

    def remove(self, group: str) -> Iterator[Item]:
        """Take out every clip of the group, whoever its caller is."""
        yield from self._for_slots.remove(group)
        yield from self._slotless.remove(group)

    def remove_all(self) -> Iterator[Item]:
        yield from self._for_slots.remove_all()
        yield from self._slotless.remove_all()

    def _of(self, needs_slot: bool) -> WaitingQueue[Item]:
        return self._for_slots if needs_slot else self._slotless
