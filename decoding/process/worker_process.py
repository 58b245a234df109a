"""A child process as its parent sees it: messages to it and from it, its end.

What the child does is decoding/process/worker.py's; when it is ended or replaced is
decoding/process/engine_process.py's.
"""

from __future__ import annotations

import atexit
import multiprocessing
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from decoding.process import messages
from decoding.process.shared_memory import SharedMemoryPool
from decoding.process.worker import serve
from decoding.types import Decoder

GOODBYE_SECONDS = 5.0  # that a process gets to end by itself


class WorkerProcess:
    """One process, the connection to it, and a thread that writes so that nobody else waits."""

    def __init__(self, factory: Callable[[], Decoder], pool: SharedMemoryPool, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection: Connection[Any, Any]
        self._connection, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, factory, pool), name=name, daemon=True
        )
        atexit.register(self.kill)  # whoever is interrupted before it knows of us cannot stop us
        self.process.start()
        theirs.close()  # so that its end is seen here as the end of the connection
        self._outbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name=f"{name}-writer", daemon=True)
        self._writer.start()

    def send(self, message: object) -> None:
        self._outbox.put(message)

    def receive(self, seconds: float | None) -> object | None:
        """The next message, None when none came in so many seconds. Raises EOFError when the
        process is gone."""
        try:
            if not self._connection.poll(seconds):
                return None
            message: object = self._connection.recv()
        except OSError as error:
            raise EOFError from error
        return message

    def kill(self) -> None:
        if self.process.pid is not None:
            self.process.kill()

    def stop(self) -> int | None:
        """Ask it to end, wait, kill it if it does not; its exit code. Safe to call twice."""
        self._outbox.put(messages.Stop())
        self._outbox.put(None)
        self.process.join(GOODBYE_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join(GOODBYE_SECONDS)
        atexit.unregister(self.kill)
        return self.process.exitcode

    def _write(self) -> None:
        while (message := self._outbox.get()) is not None:
            try:
                self._connection.send(message)
            except OSError:
                return  # the reader sees the end of the connection too
