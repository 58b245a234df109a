"""A worker with a planted engine as a process of its own, which tests kill, and the way to such.

`python -m tests.app.planted_worker URL` prints a line when its engine is open; it ends as workers
do.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from app.settings import Settings
from app.storage.asked_clips import AskedClips
from app.workers.opening import kind_of, open_worker, open_workers
from decoding.types import Decoder
from tests.app.planted import PlantedDecoder
from tests.decoding.fakes import Summing

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 1.5
SLOTS = 4


def settings_of(url: str) -> Settings:
    return Settings(workers_url=url, lease_seconds=LEASE_SECONDS, model="planted")


def by_workers(url: str) -> Decoder:
    """The way to planted workers as the service has it."""
    return open_workers(settings_of(url), threading.Event())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds of a window")
    parser.add_argument("--summing", action="store_true", help="an engine that may die of clips")
    given = parser.parse_args()
    planted = partial(PlantedDecoder, given.pace, slots=SLOTS)
    engine = Summing if given.summing else planted
    worker, stopping = open_worker(settings_of(given.url), engine), threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: (stopping.set(), worker.wake()))
    print(os.getpid(), flush=True)  # noqa: T201 - its output
    worker.run(stopping)


class Workers:
    """Planted workers on one database, each a process."""

    def __init__(self, url: str, *arguments: str) -> None:
        self.url = url
        self._arguments = arguments
        self.processes: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.app.planted_worker", self.url, *self._arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline(), "the worker did not start"
        self.processes.append(process)

    def end(self, process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
        process.send_signal(number)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        self.processes.remove(process)

    def num_dead(self) -> int:
        """Those that ended by themselves."""
        return sum(process.poll() is not None for process in self.processes)

    def count(self) -> int:
        """Those that hold a lease."""
        settings = settings_of(self.url)
        clips = AskedClips(self.url, "watcher", kind_of(settings), LEASE_SECONDS)
        try:
            return len(clips.workers())
        finally:
            clips.close()


@contextmanager
def planted_workers(url: str, count: int, *arguments: str) -> Iterator[Workers]:
    """Started, and killed at the end."""
    workers = Workers(url, *arguments)
    try:
        for _ in range(count):
            workers.start()
        yield workers
    finally:
        for process in list(workers.processes):
            workers.end(process)


if __name__ == "__main__":
    main()
