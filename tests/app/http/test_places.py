"""Places for uploads: few at once, a fair line for the others, an honest answer when it is full."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from app.errors import MAX_RETRY_AFTER, ApiError, come_back, disk_full, too_busy, unavailable
from app.http.places import PlaceLimits, Places
from tests.app.planted import GIVE_UP_SECONDS

LONG = GIVE_UP_SECONDS


class Visitors:
    """Uploads that stay in their places until they are told to leave."""

    def __init__(self, at_once: int = 1, waiting: int = 3, wait: float = LONG, turn: float = LONG):
        self.places = Places(PlaceLimits(at_once, waiting, wait, turn))
        self.came: list[str] = []
        self.refused: dict[str, ApiError] = {}
        self._leave: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, peer: str = "here", caller: str = "ann") -> None:
        self._leave[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._visit(name, peer, caller))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        await self._tasks[name]
        await asyncio.sleep(0)

    async def break_off(self, name: str) -> None:
        self._tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await self._tasks[name]

    async def all_leave(self) -> None:
        for event in self._leave.values():
            event.set()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _visit(self, name: str, peer: str, caller: str) -> None:
        try:
            async with self.places.taken(caller, peer) as turn:
                self.came.append(name)
                await self._leave[name].wait()
                await turn.go_on()
                self.came.append(f"{name} again")
        except ApiError as error:
            self.refused[name] = error


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, GIVE_UP_SECONDS))


def test_who_waits_comes_in_order_when_a_place_is_free():
    async def story() -> None:
        visitors = Visitors()
        for name in "abc":
            await visitors.come(name)
        assert (visitors.came, visitors.places.in_use, visitors.places.waiting) == (["a"], 1, 2)
        await visitors.break_off("b")
        await visitors.leave("a")
        assert visitors.came == ["a", "a again", "c"]
        await visitors.all_leave()
        assert (visitors.places.in_use, visitors.places.waiting) == (0, 0)

    run(story())


def test_keys_have_lines_of_their_own():
    async def story() -> None:
        visitors = Visitors()
        await visitors.come("a")
        await visitors.come("b")
        await visitors.come("of bob", caller="bob")
        assert visitors.came == ["a", "of bob"]
        await visitors.all_leave()

    run(story())


def test_a_peer_with_fewer_uploads_goes_first():
    async def story() -> None:
        visitors = Visitors(at_once=2)
        for name in "abc":
            await visitors.come(name, peer="many")
        await visitors.come("d", peer="few")
        await visitors.leave("a")
        assert visitors.came[-1] == "d"
        await visitors.all_leave()

    run(story())


def test_a_full_line_refuses_the_last_of_who_fills_it():
    async def story() -> None:
        visitors = Visitors()
        for name in "abcde":
            await visitors.come(name, peer="many")
        assert set(visitors.refused) == {"e"}
        assert visitors.refused["e"].code == "too_many_requests"
        await visitors.come("f", peer="few")
        assert set(visitors.refused) == {"e", "d"}
        await visitors.all_leave()
        assert {"a", "b", "c", "f"} < set(visitors.came)

    run(story())


def test_who_waited_too_long_is_refused():
    async def story() -> None:
        visitors = Visitors(wait=0.05)
        await visitors.come("a")
        await visitors.come("b")
        while "b" not in visitors.refused:
            await asyncio.sleep(0.01)
        await visitors.leave("a")
        assert visitors.places.in_use == visitors.places.waiting == 0

    run(story())


def test_a_place_passes_on_when_its_turn_is_over():
    async def story() -> None:
        visitors = Visitors(turn=0.05)
        await visitors.come("slow")
        await visitors.come("b")
        while visitors.came != ["slow", "b"]:
            await asyncio.sleep(0.01)
        visitors._leave["slow"].set()  # its client sent something: it wants its place again
        while visitors.came[-1] != "slow again":
            await asyncio.sleep(0.01)
        await visitors.all_leave()

    run(story())


@pytest.mark.parametrize("error", [too_busy("x", 10), unavailable("x"), disk_full()])
def test_refusals_say_when_to_come_back(error: ApiError):
    assert 1 <= int(error.headers["Retry-After"]) <= MAX_RETRY_AFTER


def test_those_refused_together_do_not_come_back_together():
    for seconds in (0.1, 5, 60, 10_000):
        chosen = {int(come_back(seconds)["Retry-After"]) for _ in range(300)}
        assert len(chosen) >= 3
        assert min(chosen) >= min(seconds, MAX_RETRY_AFTER / 2)
        assert max(chosen) <= MAX_RETRY_AFTER
