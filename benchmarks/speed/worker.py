"""A process for each system, so that memory is its own and threads do not mix.

It loads, warms up once, then runs when it is told to and tells what it cost.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.machine import peak_memory, timed
from benchmarks.speed.files import open_file
from benchmarks.speed.systems import open_windows
from benchmarks.speed.types import Done, FileWork, Measured, Runnable, WindowWork

Work = WindowWork | FileWork
DEVICE_POLL_SECONDS = 0.02
GRACE_SECONDS = 5.0
MOST_SECONDS = 1800.0  # that opening a system, or one run, may take
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkFailed(Exception):
    """The system could not be opened or stumbled; the message is its own."""


class Worker:
    """A system in its process. Raises `WorkFailed` when it cannot be opened."""

    def __init__(self, work: Work) -> None:
        self.work = work
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(work.threads)))
        try:
            self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
            self._process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        self._receive()

    def run(self) -> Measured:
        """Do the work once."""
        self._connection.send("run")
        measured: Measured = self._receive()
        return measured

    def peaks(self) -> tuple[int, int | None]:
        """Most bytes of memory, and of device memory, since the process began."""
        self._connection.send("peaks")
        peaks: tuple[int, int | None] = self._receive()
        return peaks

    def close(self) -> None:
        """End the process, by force if it does not end when it is asked to."""
        with contextlib.suppress(OSError):
            self._connection.send(None)
            self._process.join(GRACE_SECONDS)
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _receive(self) -> Any:
        if not self._connection.poll(MOST_SECONDS):
            self.close()
            raise WorkFailed(f"it gave nothing for {MOST_SECONDS:.0f} s")
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            code = self._process.exitcode
            raise WorkFailed(f"its process ended with exit code {code}") from error
        if isinstance(answer, WorkFailed):
            self.close()
            raise answer
        return answer


def open_work(work: Work) -> Runnable:
    return open_windows(work) if isinstance(work, WindowWork) else open_file(work)


def _serve(connection: Connection[Any, Any], work: Work) -> None:
    try:
        device = _DeviceMemory(work.device)
        run = open_work(work)
        _check(run(), work)
        connection.send("ready")
        while (asked := connection.recv()) is not None:
            connection.send(
                Measured(*timed(run)) if asked == "run" else (peak_memory(), device.peak)
            )
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - a peer's problem is a line of the report
        connection.send(WorkFailed(f"{type(error).__name__}: {error}"))


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
