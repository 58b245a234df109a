"""Who goes next: a bounded queue that is fair between callers.

Callers take turns, paying for the seconds that they had (deficit round-robin). Of one caller's
groups the one with the least work left goes first, but nobody is passed over for longer than
three times the fair share. Not safe to use from several threads: the engine holds its own lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from decoding.engine.window_request import WindowRequest
from decoding.errors import QueueFull
from decoding.types import CLIP_SECONDS

QUANTUM_SECONDS = CLIP_SECONDS
# A group may be passed over this many times per waiting group before it must go. With G groups
# the wait is then below 2 G + (G - 1) turns: three times the fair share.
PATIENCE_PER_GROUP = 2


@dataclass(slots=True)
class _Group:
    requests: deque[WindowRequest] = field(default_factory=deque)
    passed_over: int = 0

    @property
    def work_left(self) -> int:
        return self.requests[0].clip.windows_left


@dataclass(slots=True)
class _Caller:
    groups: OrderedDict[str, _Group] = field(default_factory=OrderedDict)
    credit_seconds: float = 0.0

    def next_group(self) -> str:
        groups = self.groups
        oldest = max(groups, key=lambda name: groups[name].passed_over)
        if groups[oldest].passed_over >= PATIENCE_PER_GROUP * len(groups):
            return oldest
        return min(groups, key=lambda name: groups[name].work_left)

    def take(self, name: str) -> WindowRequest:
        group = self.groups[name]
        taken = group.requests.popleft()
        group.passed_over = 0
        for other, waiting in self.groups.items():
            waiting.passed_over += other != name
        if not group.requests:
            del self.groups[name]
        return taken


class WaitingQueue:
    """Requests that wait, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, request: WindowRequest) -> None:
        if self._count >= self._limit:
            raise QueueFull(f"{self._limit} clips are waiting already; try again later")
        self._group_of(request).requests.append(request)
        self._count += 1

    def put_back(self, request: WindowRequest) -> None:
        """Return one that could not be decoded yet; it goes first in its group."""
        self._group_of(request).requests.appendleft(request)
        self._count += 1

    def _group_of(self, request: WindowRequest) -> _Group:
        caller = self._callers.setdefault(request.clip.caller, _Caller())
        return caller.groups.setdefault(request.clip.group, _Group())

    def take(self) -> WindowRequest | None:
        """The next one, or None when none waits."""
        while self._callers:
            name, caller = next(iter(self._callers.items()))
            group = caller.next_group()
            cost = caller.groups[group].requests[0].clip.seconds
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

    def remove(self, group: str) -> Iterator[WindowRequest]:
        """Take out every request of the group, whoever its caller is."""
        for name, caller in list(self._callers.items()):
            removed = caller.groups.pop(group, None)
            if removed is not None:
                self._count -= len(removed.requests)
                yield from removed.requests
            if not caller.groups:
                del self._callers[name]

    def remove_all(self) -> Iterator[WindowRequest]:
        for caller in list(self._callers.values()):
            for name in list(caller.groups):
                yield from self.remove(name)
