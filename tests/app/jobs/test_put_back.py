import pytest

from app.jobs import put_back
from app.jobs.put_back import LEAVING_SECONDS, PutBack


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(put_back, "time", clock := Clock())
    return clock


def test_a_job_leaves_for_a_while_and_is_remembered_until_it_begins(clock):
    jobs = PutBack()
    jobs.add("a")
    assert jobs.is_leaving("a")
    assert not jobs.is_leaving("b")
    clock.now += LEAVING_SECONDS
    assert not jobs.is_leaving("a")
    assert jobs.any_lately()
    assert "a" in jobs
    jobs.remove("a")
    assert ("a" in jobs, len(jobs), jobs.any_lately()) == (False, 0, False)


def test_earlier_ones_are_forgotten_and_later_ones_are_not(clock):
    jobs = PutBack()
    jobs.add("early")
    clock.now += 2 * LEAVING_SECONDS
    jobs.add("late")
    clock.now += 0.1
    jobs.forget_earlier()
    assert ("early" in jobs, "late" in jobs) == (False, True)


class Store:
    """Takes what it is told, but for one job, once."""

    def __init__(self, refuses):
        self.refuses = refuses
        self.told = []

    def put_back(self, job_id, *, generation):
        if job_id == self.refuses:
            self.refuses = None
            raise OSError("busy")
        self.told.append((job_id, generation))


def test_what_the_store_could_not_be_told_is_told_until_it_knows():
    jobs = PutBack()
    jobs.owe("a", 0)
    jobs.owe("b", 3)
    store = Store(refuses="b")
    with pytest.raises(OSError, match="busy"):
        jobs.write(store)
    jobs.write(store)
    jobs.write(store)
    assert sorted(store.told) == [("a", 0), ("b", 3)]
