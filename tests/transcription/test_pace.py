"""The remaining time, on a clock of its own: an engine is simulated, nobody waits."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from transcription.pace import REMEMBERED, Pace

SECONDS = 10.0  # of a window in its slot
GROUP = 8
GROUPS_IN_FLIGHT = 4
TOLERANCE = 0.3


def always(_number: int) -> float:
    return SECONDS


def spread(number: int) -> float:
    """Some windows hold little speech, some are searched several times."""
    return SECONDS * random.Random(number).uniform(0.4, 1.6)


@dataclass
class Engine:
    """`slots` of an engine whose other slots work for somebody else. Groups are submitted as the
    pipeline does it: at most four are in flight, taken back in order."""

    windows: int
    slots: int
    duration: Callable[[int], float] = always
    believed: int | None = None
    now: float = 1000.0
    done: set[int] = field(default_factory=set)

    def run(self) -> Iterator[tuple[Pace, int]]:
        """The pace and the windows left, after every event."""
        pace = Pace(lambda: self.now)
        pace.shares(self.believed or self.slots)
        begun = submitted = 0
        working: list[tuple[float, int]] = []
        while len(self.done) < self.windows:
            while submitted < min(self.windows, self._passed() + GROUPS_IN_FLIGHT * GROUP):
                size = min(GROUP, self.windows - submitted)
                pace.submitted(size)
                submitted += size
            while len(working) < self.slots and begun < submitted:
                heapq.heappush(working, (self.now + self.duration(begun), begun))
                begun += 1
            self.now, number = heapq.heappop(working)
            self.done.add(number)
            pace.ended(is_done=True)
            yield pace, self.windows - len(self.done)

    def _passed(self) -> int:
        """Windows of the groups that are whole, up to the first that is not."""
        missing = next((i for i in range(self.windows) if i not in self.done), self.windows)
        return missing // GROUP * GROUP


def forecasts(engine: Engine) -> tuple[float, list[tuple[float, float]]]:
    """(the true end, [(moment, forecast of the end)])."""
    told = [(engine.now, pace.end_of(left)) for pace, left in engine.run()]
    return engine.now, [(moment, end) for moment, end in told if end is not None]


@pytest.mark.parametrize("duration", [always, spread])
@pytest.mark.parametrize("slots", [1, 4, 8, 16, 32], ids=lambda slots: f"{slots} slots")
@pytest.mark.parametrize("windows", [40, 75, 300])
def test_within_thirty_per_cent_after_the_first_tenth(
    windows: int, slots: int, duration: Callable[[int], float]
):
    """At every moment, also in the middle of a group; the last window may be a long one."""
    engine = Engine(windows, slots, duration)
    began = engine.now
    end, told = forecasts(engine)
    longest = max(map(duration, range(windows)))
    checked = 0
    for (moment, forecast), following in zip(told, [*told[1:], (end, end)], strict=True):
        for now in (moment, (moment + following[0]) / 2):  # it is right, and it ages
            if now < began + (end - began) / 10:
                continue
            checked += 1
            assert abs(forecast - end) <= max(TOLERANCE * (end - now), longest), now - began
    assert checked >= windows - slots


@pytest.mark.parametrize("believed", [4, 12])
def test_a_share_that_is_misjudged_matters_little(believed: int):
    """Beside other jobs nobody knows exactly how many slots will be ours. The last rounds are not
    judged: little is left then, and a window is misjudged as much as the share."""
    engine = Engine(300, 8, spread, believed=believed)
    end, told = forecasts(engine)
    judged = [(moment, forecast) for moment, forecast in told[: -3 * engine.slots]]
    judged = [one for one in judged if one[0] > 1000 + (end - 1000) / 10]
    assert len(judged) > 200
    for moment, forecast in judged:
        assert abs(forecast - end) <= max(TOLERANCE * (end - moment), SECONDS)


def test_the_pace_follows_a_service_that_gets_busy():
    """Another job joins when 100 windows are done: each window takes three times as long."""
    engine = Engine(400, 8, lambda number: SECONDS * (1 if number < 100 else 3))
    end, told = forecasts(engine)
    slow = told[-300 + REMEMBERED + 8 : -8]
    assert slow
    for moment, forecast in slow:
        assert abs(forecast - end) <= TOLERANCE * (end - moment) + 3 * SECONDS


def test_nothing_is_promised_before_a_round_is_done():
    told = [pace.end_of(left) for pace, left in Engine(40, 8).run()]
    assert told[:7] == [None] * 7
    assert None not in told[7:]


def test_windows_that_fail_are_no_pace():
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace.submitted(2)
    now[0] = 5.0
    pace.ended(is_done=False)
    assert pace.end_of(1) is None
    assert (pace.done, pace.under_way) == (0, 1)
    now[0] = 15.0
    pace.ended(is_done=True)
    assert pace.end_of(1) == 25.0
    assert pace.end_of(2) == 35.0
