"""Who goes next: a bounded queue that is fair between callers.

Callers take turns, paying for the seconds that they had (deficit round-robin). Of one caller's
groups the one with the least work left goes first, but nobody is passed over for longer than
three times the fair share. Not safe to use from several threads: the engine holds its own lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from decoding.errors import QueueFull
from decoding.types import CLIP_SECONDS, Clip

QUANTUM_SECONDS = CLIP_SECONDS
# A group may be passed over this many times per waiting group before it must go. With G groups
# the wait is then below 2 G + (G - 1) turns: three times the fair share.
PATIENCE_PER_GROUP = 2

Item = TypeVar("Item")


@dataclass(slots=True)
class _Group(Generic[Item]):
    items: deque[tuple[Clip, Item]] = field(default_factory=deque)
    passed_over: int = 0

    @property
    def work_left(self) -> int:
        return self.items[0][0].windows_left


@dataclass(slots=True)
class _Caller(Generic[Item]):
    groups: OrderedDict[str, _Group[Item]] = field(default_factory=OrderedDict)
    credit_seconds: float = 0.0

    def next_group(self) -> str:
        groups = self.groups
        oldest = max(groups, key=lambda name: groups[name].passed_over)
        if groups[oldest].passed_over >= PATIENCE_PER_GROUP * len(groups):
            return oldest
        return min(groups, key=lambda name: groups[name].work_left)

    def take(self, name: str) -> tuple[Clip, Item]:
        group = self.groups[name]
        taken = group.items.popleft()
        group.passed_over = 0
        for other, waiting in self.groups.items():
            waiting.passed_over += other != name
        if not group.items:
            del self.groups[name]
        return taken


class WaitingQueue(Generic[Item]):
    """Clips with whatever the engine keeps beside them, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._callers: OrderedDict[str, _Caller[Item]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, clip: Clip, item: Item) -> None:
        if self._count >= self._limit:
            raise QueueFull(f"{self._limit} clips are waiting already; try again later")
        self._restore(clip, item, at_front=False)

    def put_back(self, clip: Clip, item: Item) -> None:
        """Return a clip that could not be decoded yet; it goes first in its group."""
        self._restore(clip, item, at_front=True)

    def _restore(self, clip: Clip, item: Item, *, at_front: bool) -> None:
        caller = self._callers.setdefault(clip.caller, _Caller())
        group = caller.groups.setdefault(clip.group, _Group())
        (group.items.appendleft if at_front else group.items.append)((clip, item))
        self._count += 1

    def take(self) -> tuple[Clip, Item] | None:
        """The next clip, or None when none waits."""
        while self._callers:
            name, caller = next(iter(self._callers.items()))
            group = caller.next_group()
            cost = caller.groups[group].items[0][0].seconds
            if caller.credit_seconds < cost and len(self._callers) > 1:
                caller.credit_seconds += QUANTUM_SECONDS
                self._callers.move_to_end(name)
                continue
            caller.credit_seconds = max(0.0, caller.credit_seconds - cost)
            taken = caller.take(group)
            self._count -= 1
            if not caller.groups:
                del self._callers[name]
            return taken
        return None

    def remove(self, group: str) -> Iterator[Item]:
        """Take out every clip of the group, whoever its caller is."""
        for name, caller in list(self._callers.items()):
            removed = caller.groups.pop(group, None)
            if removed is not None:
                self._count -= len(removed.items)
                yield from (item for _, item in removed.items)
            if not caller.groups:
                del self._callers[name]

    def remove_all(self) -> Iterator[Item]:
        for caller in list(self._callers.values()):
            for name in list(caller.groups):
                yield from self.remove(name)
