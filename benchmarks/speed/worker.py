"""A system in a process of its own: it loads, warms up once, then runs when it is asked to."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from benchmarks.machine import peak_memory, timed
from benchmarks.speed.files import open_file
from benchmarks.speed.systems import open_windows
from benchmarks.speed.types import Done, FileWork, Measured, Runnable, WindowWork
from benchmarks.worker_process import Worker, WorkFailed

Work = WindowWork | FileWork
KINDS: Final[dict[str, type[Work]]] = {"WindowWork": WindowWork, "FileWork": FileWork}
DEVICE_POLL_SECONDS = 0.02
MOST_SECONDS = 1800.0  # that opening a system, or one run, may take
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def start(work: Work) -> Worker:
    """The system in its process, warmed up by one run. Raises `WorkFailed`."""
    threads = dict.fromkeys(THREAD_VARIABLES, str(work.threads))
    worker = Worker(environment=threads, patience=MOST_SECONDS)
    asked = {"kind": type(work).__name__, "work": asdict(work)}
    try:
        worker.open("benchmarks.speed.worker:System", asked)
    except WorkFailed:
        worker.close()
        raise
    return worker


def run(worker: Worker) -> Measured:
    """Its work once. Raises `WorkFailed`."""
    row = worker.ask("run")
    return Measured(**{**row, "done": Done(**row["done"])})


class System:
    """What a worker of the speed benchmark holds: a system that does its work when it is asked."""

    def __init__(self, kind: str, work: Mapping[str, Any]) -> None:
        chosen = KINDS[kind](**work)
        self.facts: Mapping[str, Any] = {}
        self._device = _DeviceMemory(chosen.device)
        self._run = open_work(chosen)
        _check(self._run(), chosen)

    def answer(self, asked: str) -> dict[str, Any]:
        assert asked == "run"
        return asdict(Measured(*timed(self._run), peak_memory(), self._device.peak))

    def close(self) -> None:
        """The process ends."""


def open_work(work: Work) -> Runnable:
    return open_windows(work) if isinstance(work, WindowWork) else open_file(work)


def _check(done: Done, work: Work) -> None:
    if isinstance(work, WindowWork) and done.tokens != work.tokens * done.windows:
        raise WorkFailed(f"{done.tokens} tokens in {done.windows} windows, not {work.tokens} each")


class _DeviceMemory:
    """Watches how much of the device's memory is taken since this process began.

    Other processes must sleep meanwhile: the driver tells only the sum.
    """

    def __init__(self, device: str) -> None:
        self.peak: int | None = None
        if device.startswith("cuda"):
            self._before = self._taken(device)
            self.peak = 0
            threading.Thread(target=self._watch, args=(device,), daemon=True).start()

    def _watch(self, device: str) -> None:
        while True:
            self.peak = max(self.peak or 0, self._taken(device) - self._before)
            time.sleep(DEVICE_POLL_SECONDS)

    @staticmethod
    def _taken(device: str) -> int:
        import torch

        free, total = torch.cuda.mem_get_info(device)
        return int(total - free)
