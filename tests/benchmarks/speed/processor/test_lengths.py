from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.items import Item
from benchmarks.records import FileRecord
from benchmarks.speed.processor import lengths
from benchmarks.speed.processor.turns import Turn
from tests.benchmarks.speed.processor.planted import ACCOUNT, Planted, record

ASIDE = 0.5 * 2 + 63  # seconds of one round of both recordings, with the silence behind each


def answer(turn: Turn) -> FileRecord | str:
    """A tenth more for an hour from the longest one; memory grows with the length."""
    item = Item.from_json(turn.asked)
    rounds = len(item.parts) // 2
    if rounds > 5:
        return "it has no memory"
    planted = record(30.0 * rounds, 60.0 * rounds * (1.1 if rounds > 2 else 1.0), account=ACCOUNT)
    return FileRecord(
        item, 60.0 * rounds, planted.heard, planted.seconds, 100 * 10**6 * rounds,
        cpu_seconds=planted.cpu_seconds,
    )  # fmt: skip


def test_each_length_in_a_process_of_its_own(people: Path, tmp_path: Path) -> None:
    asked: list[Turn] = []
    amount = Planted(
        tmp_path, sound=(people,), lengths=(1, 3), rounds=2, answer=answer, asked=asked.append
    )
    (table,) = lengths.measure(amount).tables
    assert [turn.what for turn in asked] == ["1 minutes", "3 minutes"] * 2
    assert len({turn.opening.key for turn in asked}) == 2
    assert [row[:1] + row[2:4] + row[5:6] for row in table.rows] == [
        ("1.0", "3600\n3600-3600", "1.00x\n1.00-1.00", "100"),
        ("3.0", "3960\n3960-3960", "1.10x\n1.10-1.10", "300"),
    ]


def test_a_length_that_fails_is_told_and_the_others_stand(people: Path, tmp_path: Path) -> None:
    amount = Planted(tmp_path, sound=(people,), lengths=(1, 9), rounds=1, answer=answer)
    part = lengths.measure(amount)
    assert [row[0] for row in part.tables[0].rows] == ["1.0"]
    assert "ours int8 failed: it has no memory." in part.tables[0].note
    assert [figure["cpu_seconds_an_hour"] for figure in part.figures] == [[3600.0]]


def test_lengths_are_of_ours(people: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="measured of ours alone"):
        lengths.measure(Planted(tmp_path, sound=(people,), systems=("faster-whisper",)))
    with pytest.raises(ValueError, match="--precisions"):
        lengths.measure(Planted(tmp_path, sound=(people,), precisions=("fp32",)))
