from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.human.tables import Table
from benchmarks.items import AudioPart, Item
from benchmarks.peers import registry
from benchmarks.runner import RunProgress
from benchmarks.speed.processor.plan import (
    Amount,
    Part,
    System,
    absent,
    listening,
    problems,
    rotated,
    systems_of,
    to_json,
)
from benchmarks.speed.processor.turns import Answer, Opening, Turn, take_turns

KINDS = ("ours", "faster-whisper")


@pytest.fixture
def without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "faster-whisper":
            raise registry.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(registry, "version", version)


def test_those_that_are_asked_for_precision_by_precision(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(registry, "version", lambda package: "1")
    names = [one.name for one in systems_of(Amount(tmp_path), KINDS, ("int8", "fp32"), 1)]
    assert names == ["ours int8", "faster-whisper int8", "ours fp32", "faster-whisper fp32"]
    chosen = Amount(tmp_path, systems=("faster-whisper",))
    assert [one.kind for one in systems_of(chosen, KINDS, ("int8",), 1)] == ["faster-whisper"]
    precise = Amount(tmp_path, precisions=("fp32",))
    names = [one.name for one in systems_of(precise, KINDS, ("int8", "fp32"), 1)]
    assert names == ["ours fp32", "faster-whisper fp32"]
    with pytest.raises(ValueError, match="here int8 can be measured, not fp32"):
        systems_of(precise, KINDS, ("int8",), 1)


def test_what_is_not_installed_is_left_out_and_named(tmp_path: Path, without_peers) -> None:
    amount = Amount(tmp_path)
    assert [one.kind for one in systems_of(amount, KINDS, ("int8",), 1)] == ["ours"]
    assert list(absent(amount, KINDS)) == [
        "Not measured: faster-whisper, which needs faster-whisper (make peers)."
    ]
    assert list(absent(Amount(tmp_path, systems=("ours",)), KINDS)) == []


def test_the_same_work_for_everybody(tmp_path: Path) -> None:
    amount = Amount(tmp_path, beam_size=3, batches=(1, 4))
    own, free = (listening(amount, System("ours", "int8", threads)) for threads in (2, None))
    assert own.environment["MKL_NUM_THREADS"] == "2"
    assert free.environment == {}
    spec = own.work["spec"]
    assert (spec["beam_size"], spec["batch_size"], spec["threads"]) == (3, 4, 2)
    assert not spec["previous_text"]
    assert listening(amount, System("ours", "int8", 2)).key == own.key
    assert listening(amount, System("ours", "int8", 2), minutes=10).key != own.key


def test_names_in_two_lines() -> None:
    kinds = ("ours", "faster-whisper", "faster-whisper-batched", "openai-whisper")
    assert [System(kind, "int8", 1).cell for kind in kinds] == [
        *("ours\nint8", "faster-whisper\nint8", "faster-whisper\nbatched int8"),
        "openai-whisper\nint8",
    ]


def test_another_goes_first() -> None:
    systems = [System(kind, "int8", 1) for kind in "abc"]
    assert [one.kind for one in rotated(systems, 4)] == ["b", "c", "a"]
    assert rotated([], 1) == []


def test_each_system_tells_its_first_problem() -> None:
    turns = [Turn(name, "x", Opening("a:b", {}), "x") for name in ("one", "two", "one")]
    answers = [Answer(turns[0], problem="first"), Answer(turns[1], {}), Answer(turns[2], {}, "2nd")]
    assert problems(answers) == ["one failed: first."]


def test_what_was_measured_before_is_kept_and_counted(
    tmp_path: Path, make_sound, speech_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    item = Item("one", (AudioPart(make_sound(tmp_path / "one.wav")),), "hello")
    amount = Amount(tmp_path / "run")
    turn = Turn("it", "one", listening(amount, System(speech_server, "auto", 1)), item.to_json())
    (first,) = take_turns([turn], amount.kept, RunProgress())
    assert first.row is not None
    assert first.row["heard"]["text"] == "hello there world"
    assert amount.take([turn]) == [first]
    assert "1 of 1 were measured before and are kept" in capsys.readouterr().err


def test_figures_are_numbers() -> None:
    part = Part((Table("t", ("a",), (("1",),)),), ({"seconds": (1.0, 2.0)},))
    assert json.loads(json.dumps(to_json(part))) == {
        "tables": [{"title": "t", "columns": ["a"], "rows": [["1"]]}],
        "figures": [{"seconds": [1.0, 2.0]}],
    }
