"""Places for uploads: some at once per API key; others wait for one, in an order that is fair.

A place is held for a turn. Who has had its turn while others wait goes on behind them, and what a
client sends meanwhile stays in the network: slow uploads keep nobody out. Peers (addresses) of one
key are equal: who has fewer uploads under way goes first. Reads no body itself.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from app.errors import ApiError, too_busy

SEAT_SECONDS = 10.0  # after which to look whether somebody has left
FIRST_GUESS_SECONDS = 1.0  # that an upload takes
MEMORY = 0.9  # weight of the past in the mean that Retry-After is made of


@dataclass(frozen=True, slots=True)
class PlaceLimits:
    """Of one key: uploads `at_once`, others that are `open`, seconds in line and of a turn."""

    at_once: int
    waiting: int
    wait_seconds: float
    turn_seconds: float

    @property
    def open(self) -> int:
        return self.at_once + self.waiting


class Seats:
    """So many at once per key, and nobody waits. Used on one event loop."""

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._what = what
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, caller: str) -> Iterator[None]:
        """A seat. Raises `ApiError` if `caller` has them all."""
        if self._taken[caller] >= self._limit:
            message = f"This key has {self._limit} {self._what} open; close one of them."
            raise too_busy(message, SEAT_SECONDS)
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]

    @property
    def in_use(self) -> int:
        return self._taken.total()


@dataclass(eq=False)
class Turn:
    """One upload: its place, or its place in the line. `ends` is None while it has no place."""

    line: _Line
    peer: str
    number: int = 0
    ends: float | None = None
    admitted: asyncio.Future[None] | None = None
    is_begun: bool = False

    async def go_on(self) -> None:
        """Return at once in a place; else wait for the next turn, however long that takes."""
        if self.ends is None:
            await self.line.enter(self)


class Places:
    """The lines of all keys. Used on one event loop."""

    def __init__(self, limits: PlaceLimits) -> None:
        self._limits = limits
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def taken(self, caller: str, peer: str) -> AsyncIterator[Turn]:
        """A place for `caller`. Raises `ApiError` if too many wait, or it waited for too long."""
        line = self._lines.setdefault(caller, _Line(self._limits))
        turn = Turn(line, peer)
        line.join(turn)
        began = time.monotonic()
        try:
            try:
                async with asyncio.timeout(self._limits.wait_seconds):
                    await line.enter(turn)
            except TimeoutError:
                raise line.refusal() from None
            turn.is_begun = True
            began = time.monotonic()
            yield turn
            line.took(time.monotonic() - began)
        finally:
            line.leave(turn)
            if not line.open:
                self._lines.pop(caller, None)

    @property
    def in_use(self) -> int:
        """Uploads that have a place."""
        return sum(len(line.inside) for line in self._lines.values())

    @property
    def waiting(self) -> int:
        """Uploads that wait for one, or for their next turn."""
        return sum(len(line.open) - len(line.inside) for line in self._lines.values())


@dataclass(eq=False)
class _Line:
    """The uploads of one key. Those outside and not `queued` have had their turn and sent nothing
    since."""

    limits: PlaceLimits
    open: set[Turn] = field(default_factory=set)
    inside: set[Turn] = field(default_factory=set)
    queued: set[Turn] = field(default_factory=set)
    seconds_each: float = FIRST_GUESS_SECONDS
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    timer: asyncio.TimerHandle | None = None

    def join(self, turn: Turn) -> None:
        """Let it in line; where that is full, at the expense of a peer that has more in it."""
        if len(self.open) >= self.limits.open:
            self._turn_away(turn.peer)
        self.open.add(turn)

    async def enter(self, turn: Turn) -> None:
        """Wait for a place."""
        turn.number = next(self.numbers)
        turn.admitted = asyncio.get_running_loop().create_future()
        self.queued.add(turn)
        self._admit()
        await turn.admitted

    def leave(self, turn: Turn) -> None:
        for group in (self.open, self.inside, self.queued):
            group.discard(turn)
        self._admit()

    def took(self, seconds: float) -> None:
        """Note how long a whole upload took."""
        self.seconds_each = MEMORY * self.seconds_each + (1 - MEMORY) * seconds

    def refusal(self) -> ApiError:
        message = f"{len(self.open)} uploads of this key are under way; let some end."
        return too_busy(message, self.seconds_each * len(self.open) / self.limits.at_once)

    def _turn_away(self, newcomer: str) -> None:
        lining = [turn for turn in self.queued if not turn.is_begun]
        counts = Counter(turn.peer for turn in lining)
        peer, most = counts.most_common(1)[0] if counts else (newcomer, 0)
        if most <= counts[newcomer] + 1:
            raise self.refusal()
        last = max((turn for turn in lining if turn.peer == peer), key=lambda turn: turn.number)
        self.queued.discard(last)
        self.open.discard(last)
        if last.admitted is not None and not last.admitted.done():
            last.admitted.set_exception(self.refusal())

    def _admit(self) -> None:
        """Fill what is free, and come back when the first turn of those inside ends."""
        while self.queued and len(self.inside) < self.limits.at_once:
            peers = Counter(turn.peer for turn in self.inside)
            turn = min(self.queued, key=lambda turn: (peers[turn.peer], turn.number))
            self.queued.discard(turn)
            if turn.admitted is None or turn.admitted.done():
                continue  # it gave up
            turn.ends = time.monotonic() + self.limits.turn_seconds
            turn.admitted.set_result(None)
            self.inside.add(turn)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.queued:
            first = min(turn.ends or 0.0 for turn in self.inside)
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(max(0.0, first - time.monotonic()), self._end_turns)

    def _end_turns(self) -> None:
        """As many as wait give up places whose turn is over, the longest over first."""
        now = time.monotonic()
        over = [turn for turn in self.inside if turn.ends is not None and turn.ends <= now]
        over.sort(key=lambda turn: turn.ends or 0.0)
        for turn in over[: len(self.queued)]:
            turn.ends = None
            self.inside.discard(turn)
        self._admit()
