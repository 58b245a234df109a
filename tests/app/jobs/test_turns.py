"""Turns: who of several jobs decodes now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from app.jobs.turns import Turns
from tests.app.planted import GIVE_UP_SECONDS


def test_steps_at_once():
    """Four for a job that is alone, two for each of two, in the order in which they were drawn."""
    turns = Turns(4)
    turns.enter("a")
    tickets = [turns.draw("a") for _ in range(6)]
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
    third, _ = (turns.draw("a") for _ in range(2))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(turns.wait, "a", third)
        turns.leave("b")
        waiting.result(GIVE_UP_SECONDS)
    turns.leave("a")
    turns.wait("a", turns.draw("a"))  # of a job that has left: nothing waits
