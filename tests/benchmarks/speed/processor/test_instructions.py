"""Windows on instruction sets: planted seconds, and one real round at toy size."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.speed.processor import instructions
from benchmarks.speed.processor.instruction_sets import InstructionSet
from benchmarks.speed.processor.plan import Amount
from benchmarks.speed.processor.turns import Answer
from benchmarks.speed.types import Done, Measured, WindowWork

OWN = InstructionSet("its own", "Intel AVX-512")
OLD = InstructionSet("AVX2", "Intel AVX2", {"ONEDNN_MAX_CPU_ISA": "AVX2"})


def work(system: str, precision: str = "int8", batch: int = 2) -> WindowWork:
    return WindowWork(system, "toy.pt", "cpu", precision, batch, 5, 4, 1)  # type: ignore[arg-type]  # any name


def test_who_is_compared_takes_turns_and_is_held_to_the_set() -> None:
    works = [work("ours"), work("ctranslate2"), work("ours", "bf16")]
    turns = instructions.turns(OLD, works, 2)
    assert [turn.system for turn in turns] == [
        *("ours int8", "ctranslate2 int8", "ctranslate2 int8", "ours int8"),
    ]
    more = [*works, work("ours", batch=8), work("ctranslate2", batch=8)]
    batches = [turn.opening.work["work"]["batch"] for turn in instructions.turns(OLD, more, 2)]
    assert batches == [2] * 4 + [8] * 4  # what is not compared does not come between
    assert turns[0].opening.environment["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert turns[0].opening.environment["OMP_NUM_THREADS"] == "1"
    assert len(instructions.turns(OWN, works, 2)) == 6  # it may have bfloat16
    assert turns[0].opening.key != instructions.turns(OWN, works, 1)[0].opening.key


def test_seconds_of_a_window_beside_each_other() -> None:
    works = [work("ours"), work("ctranslate2"), work("ours", "bf16")]
    walls = {"ours int8": 2.0, "ctranslate2 int8": 3.0, "ours bf16": 8.0}
    answers = [
        Answer(turn, asdict(Measured(Done(60.0, 2, 8), walls[turn.system], 4.0, 1, None)))
        for one in (OWN, OLD)
        for turn in instructions.turns(one, works, 2)
    ]
    found = instructions._seconds(OWN, answers)
    assert instructions._rows("its own", found) == [
        ("its own", "2", "1", "int8", "1.00\n1.00-1.00", "1.50\n1.50-1.50", "1.50x\n1.50-1.50"),
        ("its own", "2", "1", "bf16", "4.00\n4.00-4.00", "–", "–"),
    ]
    assert len(instructions._rows("AVX2", instructions._seconds(OLD, answers))) == 1


@pytest.mark.slow
def test_one_real_round_at_toy_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "own", lambda: OWN)
    monkeypatch.setattr(instructions, "pretended", lambda: [OLD])
    amount = Amount(
        tmp_path,
        sizes=("toy",),
        batches=(1,),
        tokens=4,
        rounds=1,
        systems=("ours",),
        precisions=("int8", "fp32"),
        cache=tmp_path / "cache",
    )
    part = instructions.measure(amount)
    assert [row[0] for row in part.tables[0].rows] == ["its own"] * 2 + ["AVX2"] * 2
    assert {row[3] for row in part.tables[0].rows} == {"int8", "fp32"}
    kept = {path.name: path.stat().st_mtime_ns for path in amount.kept.iterdir()}
    assert len(kept) == 4
    assert instructions.measure(amount) == part
    assert {path.name: path.stat().st_mtime_ns for path in amount.kept.iterdir()} == kept
