from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.cli import human
from benchmarks.cli.application import application
from benchmarks.items import Item
from benchmarks.peers.types import Account, PeerSpec, PeerTranscript
from benchmarks.records import FileRecord, RunRecord, SystemRecord

SAID = "the quick brown fox jumps over the lazy dog"


def invoke(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(
        application, ["human", *map(str, arguments)], env={"COLUMNS": "200"}
    )
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path: Path, make_sound) -> Path:
    """Speech, a call and a noise."""
    rows = [
        {"path": "read/1.wav", "text": SAID, "language": "en", "seconds": 0.5},
        {"path": "calls/1.wav", "text": SAID, "style": "telephone dialogue", "language": "en"},
        {"path": "noise/1.wav", "text": None, "style": "non-speech", "language": None},
    ]
    place = tmp_path / "people"
    for row in rows:
        make_sound(place / str(row["path"]))
    (place / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return place


def listen(
    items: list[Item], systems: list[PeerSpec], *, without: tuple[str, ...] = ()
) -> RunRecord:
    """Every system hears everything but for the fox; `without` are not installed."""
    heard = PeerTranscript(SAID.replace("brown fox jumps ", ""), account=Account(2, 1, 0, 0))
    records = []
    for spec in systems:
        files = tuple(
            FileRecord(item, 0.0, error="needs another package")
            if spec.kind in without
            else FileRecord(item, 60.0, heard if item.reference else PeerTranscript(""), 1.0)
            for item in items
        )
        records.append(SystemRecord(spec.label, {"model": spec.model}, {}, files, spec.phase))
    return RunRecord("human", "2026-01-02T03:04", "human", (), tuple(records))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Item], list[PeerSpec]]]:
    """What the command wants to be measured; nothing is."""
    seen = []

    def measure(name, items, systems, *rest) -> RunRecord:
        seen.append((items, systems))
        return listen(items, systems, without=("openai-whisper",))

    monkeypatch.setattr(human, "measure", measure)
    return seen


def test_all_get_the_same_recordings_and_each_its_weights(folder, tmp_path, asked) -> None:
    told = invoke(
        *(folder, "-m", "base", "--weights-ct2", "c", "--out", tmp_path / "run"),
        *("--json", tmp_path / "o.json", "--markdown", tmp_path / "note.md"),
        status=1,  # one is missing
    )
    ((items, systems),) = asked
    assert [item.name for item in items] == [
        "people/read-en-read-1",
        "people/calls-en-calls-1",
        "people/noise/1.wav",
    ]
    assert {spec.kind: spec.model for spec in systems} == {
        "ours": "base",
        "ours-sequential": "base",
        "faster-whisper": "c",
        "faster-whisper-batched": "c",
        "openai-whisper": "base",
    }
    assert not any(spec.previous_text for spec in systems)
    assert "openai-whisper was not measured: needs another package" in told
    assert "brown fox jumps" in told
    tables = json.loads((tmp_path / "o.json").read_text())["tables"]
    assert tables[0]["rows"][0][:5] == ["all", "whisper-longform", "2", "18", "33.33 %"]
    assert "| all | whisper-longform | 2 | 18 | 33.33 % |" in (tmp_path / "note.md").read_text()


def test_kinds_and_peers_are_chosen(folder: Path, asked) -> None:
    invoke(folder, "--only", "calls", "-p", "faster-whisper")
    ((items, systems),) = asked
    assert [item.name for item in items] == ["people/calls-en-calls-1"]
    assert [spec.kind for spec in systems] == ["ours", "ours-sequential", "faster-whisper"]


def test_speech_is_heard_again_with_windows_moved(folder: Path, asked) -> None:
    told = invoke(folder, "-p", "faster-whisper", "--phase", 4, "--phase", 8)
    (everything, _), (speech, moved) = asked
    assert [item.name for item in speech] == [item.name for item in everything[:2]]
    assert [(spec.kind, spec.phase) for spec in moved] == [
        ("ours", 4.0),
        ("ours-sequential", 4.0),
        ("ours", 8.0),
        ("ours-sequential", 8.0),
    ]
    assert "Windows moved" in told
    assert "26.9" in invoke(folder, "--phase", 27, status=2)
    silent = invoke(folder, "--only", "nonspeech", "--phase", 4, status=2)
    assert "--phase is for recordings of the kinds read, spoken" in silent


def test_what_cannot_be_done_is_said(folder: Path, tmp_path: Path) -> None:
    assert "no kind is called" in invoke(folder, "--only", "songs", status=2)
    assert "no recording of the kinds meeting" in invoke(folder, "--only", "meeting", status=2)
    assert "no recogniser is called" in invoke(folder, "-p", "nonsense", status=2)
    assert "no manifest.jsonl" in invoke(tmp_path, status=2)
    nothing = invoke(folder, "--finished", "--out", tmp_path / "run", status=2)
    assert "nothing has been measured" in nothing


def test_help_describes_the_manifest() -> None:
    told = invoke("--help")
    assert "manifest.jsonl" in told
    assert "0.4 s apart" in told
