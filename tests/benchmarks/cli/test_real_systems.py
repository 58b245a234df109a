"""The command with the shipped model in our engine, openai-whisper and faster-whisper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.cli.application import application
from benchmarks.datasets.registry import SHIPPED_RECORDINGS

SECONDS = 8.0


@pytest.mark.slow
@pytest.mark.timeout(400)  # three models are loaded and two checkpoints converted
def test_three_systems_on_one_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faster_whisper")
    monkeypatch.setenv("HOME", str(tmp_path))  # converted checkpoints are kept below it
    told = json.loads((SHIPPED_RECORDINGS / "demo-meeting.json").read_text())
    words = [w for s in told["sentences"] if s["end"] < SECONDS for w in s["words"]]
    row = {
        "id": "start",
        "audio": str(next(SHIPPED_RECORDINGS.glob("demo-meeting.opus"))),
        "text": " ".join(w["text"] for w in words),
        "offset": 0,
        "duration": SECONDS,
        "words": words,
    }
    (tmp_path / "list.jsonl").write_text(json.dumps(row))
    result = CliRunner().invoke(
        application,
        [
            *("run", "-d", "manifest", "--root", str(tmp_path / "list.jsonl")),
            *("-p", "openai-whisper", "-p", "faster-whisper", "--beam", "1", "--threads", "1"),
            *("-o", str(tmp_path / "run"), "--json", str(tmp_path / "out.json")),
        ],
    )
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out.json").read_text())
    heard = {s["name"]: s["files"][0]["heard"]["text"] for s in report["systems"]}
    assert heard.keys() == {"whisper-longform", "openai-whisper", "faster-whisper"}
    rates = {score["system"]: score["wer"] for score in report["scores"]}
    assert all(rate < 0.8 for rate in rates.values())
    assert all(score["real_time_factor"] > 0 for score in report["scores"])
    assert all(score["memory_bytes"] > 1e8 for score in report["scores"])


@pytest.mark.slow
def test_silence_with_the_shipped_model(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        application,
        [
            *("silence", "--minutes", "0.05", "--limit", "2", "--threads", "1"),
            *("-o", str(tmp_path / "run"), "--json", str(tmp_path / "out.json")),
        ],
    )
    assert result.exit_code == 0, result.output
    (score,) = json.loads((tmp_path / "out.json").read_text())["scores"]
    assert score["recordings"] == 2
    assert score["words_per_minute_without_speech"] == 0.0
