"""An engine in a process of its own, which may die: `EngineProcess`.

The process is started again and gets its unfinished clips again. Does not know the engine: it is
given a factory that makes any `Decoder`.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, fields, replace
from multiprocessing.connection import Connection
from typing import Any

from decoding import wire
from decoding.arena import Arena
from decoding.child import serve
from decoding.errors import EngineFailed
from decoding.ledger import Ledger
from decoding.types import Clip, Decoded, Decoder, DecodingOptions, EngineStatistics, ModelCard

CAPACITY = 1024  # clips that may wait; their memory is committed only as it is used
ANSWER_SECONDS = 2.0  # that `statistics` waits before it tells what it knew last
GOODBYE_SECONDS = 5.0  # that a process gets to end by itself

_COUNTERS = ("windows_decoded", "windows_retried", "tokens_decoded", "audio_seconds")


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a process is replaced: delays in seconds double until `longest_delay`.

    It is given up after `in_a_row` deaths between which no clip was finished.
    """

    in_a_row: int = 5
    first_delay: float = 0.25
    longest_delay: float = 30.0

    def delay(self, deaths: int) -> float:
        return min(self.first_delay * 2.0 ** (deaths - 1), self.longest_delay)


class EngineProcess:
    """A `Decoder` whose engine lives in a child process.

    `factory` makes the engine there; it must be picklable. Raises what the factory raised. A clip
    in whose presence the process died twice is then decoded alone; if the process dies of it once
    more (or it was alone before), its future holds `EngineFailed`.
    """

    def __init__(
        self,
        factory: Callable[[], Decoder],
        *,
        name: str = "engine",
        capacity: int = CAPACITY,
        restarts: Restarts | None = None,
    ) -> None:
        self._factory = factory
        self._name = name
        self._restarts = restarts or Restarts()
        self._arena = Arena(capacity)
        self._ledger = Ledger(self._arena)
        self._tally = _Tally()
        self._lock = threading.Lock()  # of what follows
        self._child: _Child | None = None
        self._is_ready = False
        self._is_given_up = False
        self._closing = threading.Event()
        self._deaths_in_a_row = 0
        try:
            self._card = self._start()
        except BaseException:
            self._arena.close()
            raise
        self._thread = threading.Thread(target=self._supervise, name=name, daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def model(self) -> ModelCard:
        return self._card

    @property
    def is_alive(self) -> bool:
        """Whether clips can be submitted: also while the process is being replaced."""
        return not self._is_given_up and not self._closing.is_set()

    @property
    def pid(self) -> int | None:
        """The process that works now."""
        child = self._child
        return child.process.pid if child else None

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        if self._closing.is_set():
            raise EngineFailed("the engine is closed")
        if self._is_given_up:
            raise EngineFailed(f"{self._name} died too often and was given up")
        future = self._ledger.add(clip, options)
        self._pump()
        if not self.is_alive:  # lost while we were adding
            self._end_all()
        return future

    def cancel(self, group: str) -> None:
        for future in self._ledger.drop(group):
            future.cancel()
        self._send(wire.Cancel(group))
        self._pump()

    def statistics(self) -> EngineStatistics:
        """Counters over all processes so far; gauges of now, or none while it is replaced."""
        ticket = self._tally.new_ticket()
        if self._send(wire.Ask(ticket)):
            self._tally.wait(ticket)
        return self._tally.total(num_unsent=len(self._ledger))

    def close(self) -> None:
        with self._lock:
            is_first = not self._closing.is_set()
            self._closing.set()
            child = self._child
            if child and not self._is_ready:
                child.kill()  # it is still loading, and hears nothing
        atexit.unregister(self.close)
        self._end_all()
        if child:
            child.stop()
        if threading.current_thread() is not self._thread:
            self._thread.join(GOODBYE_SECONDS)
        if is_first:
            self._arena.close()

    # The supervisor's thread

    def _supervise(self) -> None:
        while True:
            self._read_until_gone()
            if self._closing.is_set() or not self._replace():
                self._end_all()
                return
            self._pump()

    def _read_until_gone(self) -> None:
        child = self._child
        assert child is not None
        while (message := child.receive()) is not None:
            match message:
                case wire.Answer(key, outcome, statistics):
                    self._deaths_in_a_row = 0
                    self._tally.note(statistics)
                    self._settle(self._ledger.finish(key), outcome)
                    self._pump()
                case wire.Gauges(ticket, statistics):
                    self._tally.note(statistics, ticket)

    def _settle(self, future: Future[Decoded] | None, outcome: Decoded | Exception | None) -> None:
        if future is None:
            return
        if outcome is None:
            future.cancel()
            return
        with contextlib.suppress(InvalidStateError):  # its owner cancelled it
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _replace(self) -> bool:
        """Start anew until it works. False when closing, or when it is given up."""
        code = self._bury()
        culprit = self._ledger.note_death()
        if culprit:
            self._deaths_in_a_row = 0
            self._settle(culprit, EngineFailed(f"{self._name} died of this window (exit {code})"))
        while not self._closing.is_set():
            self._deaths_in_a_row += 1
            if self._deaths_in_a_row > self._restarts.in_a_row:
                self._is_given_up = True
                return False
            if self._closing.wait(self._restarts.delay(self._deaths_in_a_row)):
                return False
            with contextlib.suppress(Exception):  # counted: after a few it is given up
                self._start()
                return True
        return False

    def _start(self) -> ModelCard:
        """Start a process and wait until its engine is open. Raises what opening it raised."""
        child = _Child(self._factory, self._arena, self._name)
        with self._lock:
            self._child = child
            if self._closing.is_set():
                child.kill()
        message = child.receive()
        if isinstance(message, wire.Ready):
            with self._lock:
                self._is_ready = True
            return message.card
        code = self._bury()
        if isinstance(message, wire.Refused):
            raise message.error
        raise EngineFailed(f"{self._name} died while it started (exit {code})")

    def _bury(self) -> int | None:
        """Forget the dead process; its exit code."""
        with self._lock:
            child, self._child = self._child, None
            self._is_ready = False
        self._tally.note_death()
        return child.stop() if child else None

    # Any thread

    def _pump(self) -> None:
        """Send what may be sent, in order."""
        with self._lock:
            if self._is_ready and self._child:
                for request in self._ledger.take_sendable():
                    self._child.send(request)

    def _send(self, message: object) -> bool:
        with self._lock:
            if self._is_ready and self._child:
                self._child.send(message)
                return True
        return False

    def _end_all(self) -> None:
        """Nobody will answer: cancel when closing, else fail."""
        for future in self._ledger.drop_all():
            if self._is_given_up:
                failure = EngineFailed(f"{self._name} died too often and was given up")
                self._settle(future, failure)
            else:
                future.cancel()


class _Child:
    """One process, the connection to it, and a thread that writes so that nobody else waits."""

    def __init__(self, factory: Callable[[], Decoder], arena: Arena, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection: Connection[Any, Any]
        self._connection, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, factory, arena), name=name, daemon=True
        )
        self.process.start()
        theirs.close()  # so that its end is seen here as the end of the connection
        self._outbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name=f"{name}-writer", daemon=True)
        self._writer.start()

    def send(self, message: object) -> None:
        self._outbox.put(message)

    def receive(self) -> object | None:
        """The next message, None when the process is gone."""
        try:
            message: object = self._connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> int | None:
        """Ask it to end, wait, kill it if it does not; its exit code. Safe to call twice."""
        self._outbox.put(wire.Stop())
        self._outbox.put(None)
        self.process.join(GOODBYE_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join(GOODBYE_SECONDS)
        return self.process.exitcode

    def _write(self) -> None:
        while (message := self._outbox.get()) is not None:
            try:
                self._connection.send(message)
            except OSError:
                return  # the reader sees the end of the connection too


class _Tally:
    """Statistics of the process that works now on top of those of the dead."""

    def __init__(self) -> None:
        self._before = EngineStatistics()
        self._now = EngineStatistics()
        self._tickets = 0
        self._answered = 0
        self._changed = threading.Condition()

    def new_ticket(self) -> int:
        with self._changed:
            self._tickets += 1
            return self._tickets

    def note(self, statistics: EngineStatistics, ticket: int = 0) -> None:
        with self._changed:
            self._now = statistics
            self._answered = max(self._answered, ticket)
            self._changed.notify_all()

    def note_death(self) -> None:
        with self._changed:
            self._before = self._sum()
            self._now = EngineStatistics()
            self._answered = self._tickets  # nobody will
            self._changed.notify_all()

    def wait(self, ticket: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._answered >= ticket, ANSWER_SECONDS)

    def total(self, *, num_unsent: int) -> EngineStatistics:
        with self._changed:
            total = self._sum()
        known = total.queued + total.slots_in_use
        return replace(total, queued=total.queued + max(num_unsent - known, 0))

    def _sum(self) -> EngineStatistics:
        counted = {
            name: getattr(self._before, name) + getattr(self._now, name) for name in _COUNTERS
        }
        gauges = {f.name: getattr(self._now, f.name) for f in fields(EngineStatistics)}
        return EngineStatistics(**(gauges | counted))
