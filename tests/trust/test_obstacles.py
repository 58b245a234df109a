"""What counts as passing, and when it is looked at again."""

from __future__ import annotations

import errno

import pytest
import sqlalchemy as sa

from app.jobs.obstacles import BUSY_DATABASE, FULL_DISK, NO_ENGINE, OBSTACLES, Barrier, obstacle_of
from decoding.errors import EngineAway, EngineFailed, PoisonClip


class PostgresError(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("no more connections")
        self.sqlstate = sqlstate


def of_postgres(sqlstate: str | None) -> sa.exc.OperationalError:
    return sa.exc.OperationalError("UPDATE", {}, PostgresError(sqlstate))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EngineAway("away"), NO_ENGINE),
        (EngineFailed("failed"), None),
        (PoisonClip("poison"), None),
        (OSError(errno.ENOSPC, "no space"), FULL_DISK),
        (OSError(errno.EDQUOT, "quota"), FULL_DISK),
        (OSError(errno.EIO, "broken"), None),
        (of_postgres("53100"), FULL_DISK),
        (of_postgres("53300"), BUSY_DATABASE),
        (of_postgres("57P01"), BUSY_DATABASE),
        (of_postgres(None), BUSY_DATABASE),
        (of_postgres("22001"), None),
        (sa.exc.TimeoutError("no connection came free"), BUSY_DATABASE),
        (ValueError("disk full"), None),
    ],
)
def test_which_errors_pass(error: Exception, expected: object):
    assert obstacle_of(error) == expected
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = error
    assert obstacle_of(wrapped) == expected


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_barrier_opens_when_all_that_was_met_is_gone():
    clock, gone = Clock(), set()
    barrier = Barrier({one: lambda one=one: one in gone for one in OBSTACLES}, clock)
    assert barrier.standing is None
    assert not barrier.look()
    barrier.meet(NO_ENGINE)
    barrier.meet(BUSY_DATABASE)
    assert barrier.standing == NO_ENGINE
    gone.add(NO_ENGINE)
    assert not barrier.look()  # it is not yet time
    clock.now = 1.0
    assert not barrier.look()
    assert barrier.standing == BUSY_DATABASE
    gone.add(BUSY_DATABASE)
    clock.now = 2.0
    assert barrier.look()
    assert barrier.standing is None


def test_a_disk_that_fills_again_and_again_is_looked_at_less_and_less():
    clock = Clock()
    barrier = Barrier({FULL_DISK: lambda: True}, clock)
    pauses = []
    for _ in range(8):
        barrier.meet(FULL_DISK)
        began = clock.now
        while not barrier.look():
            clock.now += 1.0
        pauses.append(clock.now - began)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    barrier.got_through()
    barrier.meet(FULL_DISK)
    clock.now += 1.0
    assert barrier.look()
