from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.records import FileRecord
from benchmarks.speed.processor import beside
from benchmarks.speed.processor.beside import Condition, conditions
from benchmarks.speed.processor.quota import Quota, QuotaRefused
from benchmarks.speed.processor.turns import Turn
from tests.benchmarks.speed.processor.planted import Planted, record


def test_conditions_that_bound_nothing_more_are_left_out() -> None:
    both = [("alone", None, None, 0), ("beside 4 busy", None, None, 4)]
    assert [(c.name, c.quota, c.threads, c.busy) for c in conditions(4)] == [
        *both,
        ("quota of 1", 1, None, 0),
        ("quota of 1\n4 threads", 1, 4, 0),
        ("quota of 2", 2, None, 0),
        ("quota of 2\n4 threads", 2, 4, 0),
    ]
    assert [c.name for c in conditions(2)][2:] == [
        *("quota of 1", "quota of 1\n2 threads", "quota of 2"),
    ]
    assert [c.name for c in conditions(1)] == ["alone", "beside 1 busy", "quota of 1"]


def test_a_group_is_made_once_and_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    made: list[int] = []

    @contextmanager
    def make(count: int):
        if count > 1:
            raise QuotaRefused("no control group can be made: Read-only file system")
        made.append(count)
        yield Quota(tmp_path)
        made.remove(count)

    with ExitStack() as stack:
        wanted, notes = beside._with_quotas(conditions(4), stack, make)
        assert made == [1]
    assert made == []
    assert [condition.name for condition, _ in wanted] == [
        *("alone", "beside 4 busy", "quota of 1", "quota of 1\n4 threads"),
    ]
    assert [group is None for _, group in wanted] == [True, True, False, False]
    assert notes == [
        "Not measured: a quota of 2, for no control group can be made: Read-only file system."
    ]


def answer(turn: Turn) -> FileRecord | str:
    seconds = {"alone": 10.0, "beside 2 busy": 22.0, "quota of 1": 15.0}.get(turn.what, 40.0)
    return record(seconds + turn.number, 20.0)


def test_what_each_condition_costs(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Turn] = []
    monkeypatch.setattr(beside, "usable_processors", lambda: 2)
    monkeypatch.setattr(
        beside, "_with_quotas", lambda wanted, stack: ([(c, None) for c in wanted], [])
    )
    amount = Planted(
        tmp_path, sound=(people,), rounds=2, systems=("ours",), answer=answer, asked=asked.append
    )
    part = beside.measure(amount)
    rows = {row[0]: row[1:4] for row in part.tables[0].rows}
    assert rows == {
        "alone": ("ours\nint8", "10.5\n10.0-11.0", "1.00x\n1.00-1.00"),
        "beside 2 busy": ("ours\nint8", "22.5\n22.0-23.0", "2.15x\n2.09-2.20"),
        "quota of 1": ("ours\nint8", "15.5\n15.0-16.0", "1.48x\n1.45-1.50"),
        "quota of 1\n2 threads": ("ours\nint8", "40.5\n40.0-41.0", "3.86x\n3.73-4.00"),
        "quota of 2": ("ours\nint8", "40.5\n40.0-41.0", "3.86x\n3.73-4.00"),
    }
    forced = next(turn for turn in asked if turn.what == "quota of 1\n2 threads")
    assert forced.opening.work["spec"]["threads"] == 2
    assert forced.opening.environment["OMP_NUM_THREADS"] == "2"
    alone, busy, under = asked[:3]
    assert alone.opening.key == busy.opening.key != under.opening.key
    assert alone.opening.work["spec"]["threads"] is None
    assert alone.opening.environment == {}
    with busy.beside() as pids:
        assert isinstance(pids, tuple)
        assert len(pids) == 2


def test_a_machine_too_small_for_a_quota_says_so() -> None:
    assert beside._skipped(1) == "No quota of 2: 1 processors here."
    assert beside._skipped(2) == ""
    assert Condition("alone") in conditions(1)
