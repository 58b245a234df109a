from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE_SECONDS = 60.0


def start(tmp_path: Path, server: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks", "run", "-d", "folder", "--no-ours", "-m", "any"),
            *("--root", str(tmp_path / "calls"), "-p", server, "-o", str(tmp_path / "run")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def results(tmp_path: Path) -> list[str]:
    return sorted(path.name[:3] for path in (tmp_path / "run").glob("systems/*/[0-9]*.json"))


@pytest.mark.slow
def test_interrupted_command_goes_on_where_it_stopped(
    tmp_path: Path, make_sound, speech_server: str
) -> None:
    for name in ("001", "002", "slow"):
        make_sound(tmp_path / "calls" / f"{name}.wav").with_suffix(".txt").write_text("hello")
    first = start(tmp_path, speech_server)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(results(tmp_path)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    first.send_signal(signal.SIGINT)
    output, _ = first.communicate(timeout=PATIENCE_SECONDS)
    assert first.returncode != 0
    assert "interrupted: what is finished is kept" in output
    assert "its process ended" not in output
    assert results(tmp_path) == ["001", "002"]
    (tmp_path / "calls" / "slow.wav").unlink()
    second = start(tmp_path, speech_server)
    output, _ = second.communicate(timeout=PATIENCE_SECONDS)
    assert "2 of 2 recordings were measured before" in output
    assert second.returncode == 0
