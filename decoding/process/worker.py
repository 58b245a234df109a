"""The inside of an engine process: opens the engine and serves the parent until told to stop.

Lives no longer than its parent: the end of the connection is the end of the process.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from decoding.process import messages
from decoding.process.shared_memory import SharedMemoryPool
from decoding.types import Decoded, Decoder

DEVICE_LOST = 70  # exit code
PARENT_GONE = 71


def serve(
    connection: Connection[Any, Any], factory: Callable[[], Decoder], pool: SharedMemoryPool
) -> None:
    """Open the engine, say so, then answer requests until `Stop` or until the parent is gone.

    Interrupts from the terminal reach the whole group of processes; the parent decides.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        decoder = factory()
    except BaseException as error:  # noqa: BLE001 - raised again in the parent
        connection.send(messages.Refused(messages.portable(error)))
        return
    service = _EngineService(connection, decoder, pool)
    service.send(messages.Ready(decoder.model))
    try:
        while service.take(connection.recv()):
            pass
    except (EOFError, ConnectionError):
        os._exit(PARENT_GONE)
    decoder.close()


class _EngineService:
    """One engine and the connection that its answers go to."""

    def __init__(
        self, connection: Connection[Any, Any], decoder: Decoder, pool: SharedMemoryPool
    ) -> None:
        self._connection = connection
        self._decoder = decoder
        self._pool = pool
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        """Answers come from the engine's thread, gauges from ours: one at a time."""
        try:
            with self._lock:
                self._connection.send(message)
        except OSError:
            os._exit(PARENT_GONE)

    def take(self, message: object) -> bool:
        """Do what the message says; False after `Stop`."""
        match message:
            case messages.Request():
                self._submit(message)
            case messages.Cancel(group):
                self._decoder.cancel(group)
            case messages.Ask(ticket):
                self.send(messages.Gauges(ticket, self._decoder.statistics()))
            case messages.Stop():
                return False
        return True

    def _submit(self, request: messages.Request) -> None:
        samples = self._pool.view(request.place, request.length, request.dtype)
        clip = replace(request.clip, samples=samples)
        try:
            future = self._decoder.submit(clip, request.options)
        except Exception as error:  # noqa: BLE001 - raised again in the parent
            self._answer(request.key, error)
            return
        future.add_done_callback(lambda done: self._answer(request.key, _outcome(done)))

    def _answer(self, key: int, outcome: Decoded | BaseException | None) -> None:
        if isinstance(outcome, BaseException):
            if messages.is_fatal(outcome):
                os._exit(DEVICE_LOST)
            outcome = messages.portable(outcome)
        self.send(messages.Answer(key, outcome, self._decoder.statistics()))


def _outcome(future: Future[Decoded]) -> Decoded | BaseException | None:
    if future.cancelled():
        return None
    return future.exception() or future.result()
