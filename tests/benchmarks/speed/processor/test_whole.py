"""The table of whole files with planted answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers import registry
from benchmarks.records import FileRecord
from benchmarks.speed.processor import whole
from benchmarks.speed.processor.turns import Turn
from tests.benchmarks.speed.processor.planted import ACCOUNT, SAID, Planted, record

CPU = {"ours": 10.0, "faster-whisper-batched": 5.0, "faster-whisper": 20.0}


def answer(turn: Turn) -> FileRecord | str:
    """A tenth slower in each round; the batched one loses a word, and fails at fp32."""
    kind, precision = turn.system.split()
    if kind == "faster-whisper-batched" and precision == "fp32":
        return "it has no memory"
    text = SAID.replace("fox ", "") if kind == "faster-whisper-batched" else SAID
    cpu = CPU[kind] * (1 + turn.number / 10)
    return record(cpu / 2, cpu, text, ACCOUNT if kind == "ours" else None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "version", lambda package: "1")


def test_a_recording_by_everybody_then_the_next(people: Path, tmp_path: Path, installed) -> None:
    asked: list[Turn] = []
    amount = Planted(
        tmp_path, sound=(people,), rounds=2, threads=(1, 2), answer=answer, asked=asked.append
    )
    whole.measure(amount)
    by_recording = [turn.what.split("/")[1] for turn in asked]
    assert by_recording == (["read"] * 6 + ["talk"] * 6) * 2
    assert [turn.system for turn in asked[:3]] == [f"{kind} int8" for kind in whole.WHOLE]
    assert asked[12].system != asked[0].system  # another goes first in the next round
    spec = asked[0].opening.work["spec"]
    assert (spec["threads"], spec["batch_size"], spec["beam_size"]) == (2, 8, 5)
    assert asked[0].opening.environment["OMP_NUM_THREADS"] == "2"


def test_medians_ranges_ratios_and_words(people: Path, tmp_path: Path, installed) -> None:
    amount = Planted(tmp_path, sound=(people,), rounds=3, answer=answer)
    part = whole.measure(amount)
    table, stages = part.tables
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["ours\nint8"] == ("22.0\n20.0-24.0", "11.0\n10.0-12.0", "–", "0.00 %", "0/0/0")
    assert rows["faster-whisper\nbatched int8"][2:] == ("0.500x\n0.500-0.500", "11.11 %", "0/2/0")
    assert rows["faster-whisper\nfp32"][2] == "2.00x\n2.00-2.00"
    assert "faster-whisper\nbatched fp32" not in rows
    assert "faster-whisper-batched fp32 failed: it has no memory." in table.note
    assert stages.columns == ("Stage", "int8, CPU s", "share", "fp32, CPU s", "share")
    figures = {figure["system"]: figure for figure in part.figures}
    assert figures["ours int8"]["cpu_seconds"] == pytest.approx([20.0, 22.0, 24.0])
    assert figures["faster-whisper-batched int8"]["deletions"] == 2


def test_stages_add_up_to_all(people: Path, tmp_path: Path, installed) -> None:
    part = whole.measure(Planted(tmp_path, sound=(people,), rounds=1, answer=answer))
    rows = {row[0]: row[1:3] for row in part.tables[1].rows}
    assert rows == {
        "decode": ("2.00", "10.0 %"),
        "detectors": ("4.00", "20.0 %"),
        "log-mel": ("1.00", "5.0 %"),
        "encoder and prompt": ("3.00", "15.0 %"),
        "steps": ("6.00", "30.0 %"),
        "word timing": ("1.00", "5.0 %"),
        "rest of the windows": ("1.00", "5.0 %"),
        "merge": ("1.00", "5.0 %"),
        "all else": ("1.00", "5.0 %"),
        "of it repairs' windows": ("2.50", "2 of 8"),
    }
    (stages,) = part.figures[0]["stages"]
    assert sum(stages.values()) == pytest.approx(20.0)


def test_a_peer_that_is_missing_is_named(people: Path, tmp_path: Path, monkeypatch) -> None:
    def version(package: str) -> str:
        if package == "faster-whisper":
            raise registry.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(registry, "version", version)
    part = whole.measure(Planted(tmp_path, sound=(people,), rounds=1, answer=answer))
    assert [row[0] for row in part.tables[0].rows] == ["ours\nint8", "ours\nfp32"]
    for kind in ("faster-whisper", "faster-whisper-batched"):
        assert f"Not measured: {kind}, which needs faster-whisper (make peers)" in (
            part.tables[0].note
        )


def test_words_that_change_between_rounds_are_told(people: Path, tmp_path: Path, installed) -> None:
    def changing(turn: Turn) -> FileRecord:
        return record(1.0, 1.0, SAID + " again" * turn.number, ACCOUNT)

    part = whole.measure(
        Planted(tmp_path, sound=(people,), rounds=2, systems=("ours",), answer=changing)
    )
    assert "ours int8 heard other words in another round." in part.tables[0].note
