"""Turns: who of several jobs begins, and who decodes now."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.jobs.turns import Turns
from tests.app.planted import GIVE_UP_SECONDS
from transcription.in_flight import GROUP_WINDOWS

SUSPECT = 3  # fruitless starts


def test_steps_at_once():
    """Four for a job that is alone, two for each of two, in the order of the recording."""
    turns = Turns(4, SUSPECT)
    turns.enter("a")
    tickets = [turns.draw("a", 200.0 * number, GROUP_WINDOWS) for number in range(6)]
    for ticket in tickets[:4]:
        turns.wait("a", ticket)
    turns.enter("b")
    with ThreadPoolExecutor(1) as threads:
        last = threads.submit(turns.wait, "a", tickets[5])
        for ticket in tickets[:3]:
            turns.give_back("a", ticket)
        assert not last.done()  # the fourth and the fifth go before it
        turns.give_back("a", tickets[3])
        last.result(GIVE_UP_SECONDS)
    third, _ = (turns.draw("a", start, GROUP_WINDOWS) for start in (1200.0, 1400.0))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(turns.wait, "a", third)
        turns.leave("b")
        waiting.result(GIVE_UP_SECONDS)
    turns.leave("a")
    turns.wait("a", turns.draw("a", 0.0, 1))  # of a job that has left: nothing waits


def test_small_steps_go_together():
    """As many windows as one step may have, beside other jobs."""
    turns = Turns(1, SUSPECT)
    turns.enter("a")
    for start, windows in ((0.0, 1), (25.0, 1), (50.0, 2), (100.0, 4)):
        turns.wait("a", turns.draw("a", start, windows))
    late = turns.draw("a", 200.0, 1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(turns.wait, "a", late)
        assert not waiting.done()
        turns.leave("a")
        waiting.result(GIVE_UP_SECONDS)


def test_what_lies_earlier_goes_first():
    """A repair comes late, and the steps behind it wait for it."""
    turns = Turns(1, SUSPECT)
    turns.enter("a")
    under_way = turns.draw("a", 0.0, GROUP_WINDOWS)
    planned = turns.draw("a", 200.0, GROUP_WINDOWS)
    repair = turns.draw("a", 60.0, 1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(turns.wait, "a", planned)
        turns.give_back("a", under_way)
        turns.wait("a", repair)
        assert not waiting.done()
        turns.give_back("a", repair)
        waiting.result(GIVE_UP_SECONDS)


def test_all_begin_at_once_without_a_suspect():
    turns = Turns(4, SUSPECT)
    for job_id, starts in (("a", SUSPECT - 1), ("b", 0)):
        turns.enter(job_id, starts)
    turns.begin("b")
    turns.begin("a")


@pytest.mark.parametrize("goes", [Turns.clear, Turns.leave], ids=["keeps a group", "is over"])
def test_suspects_begin_one_after_another_then_the_others(goes: Callable[[Turns, str], None]):
    turns = Turns(4, SUSPECT)
    entered = {"harmless": 0, "old": SUSPECT, "worst": 2 * SUSPECT, "young": SUSPECT}
    begun: list[str] = []
    for job_id, starts in entered.items():
        turns.enter(job_id, starts)

    def begin(job_id: str) -> None:
        turns.begin(job_id)
        begun.append(job_id)

    with ThreadPoolExecutor(len(entered)) as threads:
        waiting = {job_id: threads.submit(begin, job_id) for job_id in entered}
        for job_id in ("worst", "old", "young"):
            waiting[job_id].result(GIVE_UP_SECONDS)
            assert begun[-1] == job_id
            goes(turns, job_id)
        waiting["harmless"].result(GIVE_UP_SECONDS)
    assert begun == ["worst", "old", "young", "harmless"]


def test_a_suspect_that_has_begun_stays_alone_whoever_comes():
    turns = Turns(4, SUSPECT)
    turns.enter("a", SUSPECT)
    turns.begin("a")
    turns.enter("worse", 9 * SUSPECT)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(turns.begin, "worse")
        assert not waiting.done()
        turns.clear("a")
        waiting.result(GIVE_UP_SECONDS)


def test_a_job_that_is_cancelled_does_not_wait_to_begin():
    turns = Turns(4, SUSPECT)
    turns.enter("a", SUSPECT)
    turns.enter("b")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(turns.begin, "b")
        turns.leave("b")
        waiting.result(GIVE_UP_SECONDS)
