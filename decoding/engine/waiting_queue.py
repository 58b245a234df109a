"""Who goes next: a bounded queue that is fair between callers.

Callers take turns, paying for the seconds that they had (deficit round-robin). Of one caller's
groups the one with the least work left goes first, but nobody is passed over for longer than
three times the fair share. Within a group it goes by time in the recording, so that its text grows
from the start: what is decoded again does not wait for all that lies behind it. Not safe to use
from several threads: the engine holds its own lock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from decoding.engine.window_request import WindowRequest
from decoding.errors import QueueFull
from decoding.types import CLIP_SECONDS, Clip

QUANTUM_SECONDS = CLIP_SECONDS
# A group may be passed over this many times per waiting group before it must go. With G groups
# the wait is then below 2 G + (G - 1) turns: three times the fair share.
PATIENCE_PER_GROUP = 2


@dataclass(slots=True)
class _Group:
    requests: list[tuple[float, int, WindowRequest]] = field(default_factory=list)  # a heap
    passed_over: int = 0

    @property
    def next_clip(self) -> Clip:
        return self.requests[0][-1].clip


@dataclass(slots=True)
class _Caller:
    groups: OrderedDict[str, _Group] = field(default_factory=OrderedDict)
    credit_seconds: float = 0.0

    def next_group(self) -> str:
        groups = self.groups
        oldest = max(groups, key=lambda name: groups[name].passed_over)
        if groups[oldest].passed_over >= PATIENCE_PER_GROUP * len(groups):
            return oldest
        return min(groups, key=lambda name: groups[name].next_clip.windows_left)

    def take(self, name: str) -> WindowRequest:
        group = self.groups[name]
        *_, taken = heappop(group.requests)
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
        self._arrivals = 0  # of two clips at one time, who came first goes first

    def __len__(self) -> int:
        return self._count

    def put(self, request: WindowRequest) -> None:
        if self._count >= self._limit:
            raise QueueFull(f"{self._limit} clips are waiting already; try again later")
        self._arrivals += 1
        self._push(request, self._arrivals)

    def put_back(self, request: WindowRequest) -> None:
        """Return one that could not be decoded yet; it goes first at its time."""
        self._arrivals += 1
        self._push(request, -self._arrivals)

    def _push(self, request: WindowRequest, arrival: int) -> None:
        clip = request.clip
        caller = self._callers.setdefault(clip.caller, _Caller())
        group = caller.groups.setdefault(clip.group, _Group())
        heappush(group.requests, (clip.start, arrival, request))
        self._count += 1

    def take(self) -> WindowRequest | None:
        """The next one, or None when none waits."""
        while self._callers:
            name, caller = next(iter(self._callers.items()))
            group = caller.next_group()
            cost = caller.groups[group].next_clip.seconds
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
                yield from (request for *_, request in sorted(removed.requests))
            if not caller.groups:
                del self._callers[name]

    def remove_all(self) -> Iterator[WindowRequest]:
        for caller in list(self._callers.values()):
            for name in list(caller.groups):
                yield from self.remove(name)
