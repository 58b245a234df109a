"""Runs killed at random moments, and before every write: nothing is lost, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bulk.planted_manifest import check, write_manifest
from tests.trust.processes import children_of

ROOT = Path(__file__).parents[2]
FAILED = 1
ELEVENTH = 11


class Run:
    """`longform bulk` on a folder's manifest, as a process that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "out"
        (folder / "engine").mkdir(exist_ok=True)
        self._command = [sys.executable, "-m", "tests.bulk.planted_bulk", str(folder / "engine")]
        self._command += ["--input", str(folder / "manifest.jsonl"), "--output", str(self.output)]
        self._command += ["--no-vad", "--quiet"]
        self._process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    def start(self, kill_at: int | None = None) -> None:
        environment = {**os.environ, **self.environment, "KILL_IN": str(self.output)}
        if kill_at is not None:
            environment["KILL_AT"] = f"{kill_at}"
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stderr=subprocess.DEVNULL, env=environment
        )

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def results(self) -> int:
        folder = self.output / "results"
        return len(list(folder.iterdir())) if folder.exists() else 0

    def kill(self) -> None:
        """Returns when the process is gone, and the engine's with it."""
        assert self._process is not None
        children = children_of(self._process.pid) if self.is_running else []
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        while any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(0.02)


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path, request: pytest.FixtureRequest):
    """By night (`--night 1`, which takes half an hour: `-o timeout=0`) 10,000 lines, 20 kills."""
    night: float = request.config.getoption("--night")
    lines, kills = (round(10_000 * night), 20) if night else (200, 5)
    expected = write_manifest(tmp_path, lines)
    run, chance = Run(tmp_path), random.Random(11)
    # The first while it starts, the others when so many results are there.
    moments = [0, *sorted(chance.sample(range(lines * 9 // 10), kills - 1))]
    began, killed = time.monotonic(), 0
    for moment in moments:
        run.start()
        while run.results < moment and run.is_running:
            time.sleep(0.05 if lines < 1000 else 1.0)
        time.sleep(chance.uniform(0.0, 0.5))
        assert run.is_running
        run.kill()
        killed += 1
    run.start()
    assert run.wait() == FAILED
    codes = check(run.output, expected)
    print(  # noqa: T201 - the figure of a nightly run
        f"{lines} lines, {killed} kills, {time.monotonic() - began:.0f} s:",
        ", ".join(f"{count} {code or 'completed'}" for code, count in codes.items()),
    )


@pytest.mark.slow
def test_killed_before_every_step_that_lasts(tmp_path: Path, request: pytest.FixtureRequest):
    """Every eleventh by day."""
    stride = 1 if request.config.getoption("--night") else ELEVENTH
    step = 1
    while True:
        folder = tmp_path / f"{step}"
        expected = write_manifest(folder, 5, poison=0)  # two of them are heard
        run = Run(folder)
        run.start(kill_at=step)
        was_killed = run.wait() == -signal.SIGKILL
        if was_killed:
            run.start()
            assert run.wait() == FAILED
        check(run.output, expected)
        if not was_killed:
            break
        step += stride
    assert step > 2 * ELEVENTH, "a run takes more steps than that"
