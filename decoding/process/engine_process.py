"""An engine in a process of its own, which may die or stand still: `EngineProcess`.

The process is started again and gets its unfinished clips again. Does not know the engine: it is
given a factory that makes any `Decoder`.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass

from decoding.errors import EngineAway, EngineFailed, PoisonClip
from decoding.process import messages
from decoding.process.in_flight import InFlight
from decoding.process.shared_memory import SharedMemoryPool
from decoding.process.statistics_total import StatisticsTotal
from decoding.process.watchdog import Patience, Watchdog
from decoding.process.worker_process import GOODBYE_SECONDS, WorkerProcess
from decoding.types import Clip, Decoded, Decoder, DecodingOptions, EngineStatistics, ModelCard

CAPACITY = 1024  # clips that may wait; their memory is committed only as it is used
TRIES_AFTER_ABSENCE = 2  # so many deaths find out a recording that kills

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a process is replaced: delays in seconds double until `longest_delay`.

    After `in_a_row` deaths between which no clip was finished the engine counts as away: nobody's
    clips wait for it any more, but it is started again and again.
    """

    in_a_row: int = 5
    first_delay: float = 0.25
    longest_delay: float = 30.0

    def delay(self, deaths: int) -> float:
        doublings = min(deaths - 1, 30)
        return min(self.first_delay * 2.0**doublings, self.longest_delay)


class EngineProcess:
    """A `Decoder` whose engine lives in a child process.

    `factory` makes the engine there; it must be picklable. Raises what the factory raised. A
    process that has work and takes no step is ended, as `patience` says, and counts as dead.
    After a death the recordings (groups) that were in the process go one by one; if it dies of one
    of them once more, the futures of that recording hold `PoisonClip` (not where `suspects_clips`
    is false: the engine is elsewhere, and the process dies of its host). While the engine is away
    futures hold, and `submit` raises, `EngineAway`.
    """

    def __init__(
        self,
        factory: Callable[[], Decoder],
        *,
        name: str = "engine",
        capacity: int = CAPACITY,
        restarts: Restarts | None = None,
        patience: Patience | None = None,
        suspects_clips: bool = True,
    ) -> None:
        self._factory = factory
        self._suspects_clips = suspects_clips
        self._name = name
        self._restarts = restarts or Restarts()
        self._patience = patience or Patience()
        self._watchdog = Watchdog(self._patience)
        self._pool = SharedMemoryPool(capacity)
        self._in_flight = InFlight(self._pool)
        self._statistics = StatisticsTotal()
        self._lock = threading.Lock()  # of what follows
        self._worker: WorkerProcess | None = None
        self._is_ready = False
        self._is_away = False
        self._closing = threading.Event()
        self._deaths_in_a_row = 0
        self._tries_left = self._restarts.in_a_row
        try:
            self._card = self._start(None)
        except BaseException:
            self._pool.close()
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
        return not self._is_away and not self._closing.is_set()

    @property
    def pid(self) -> int | None:
        """The process that works now."""
        worker = self._worker
        return worker.process.pid if worker else None

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        if self._closing.is_set():
            raise EngineFailed("the engine is closed")
        if self._is_away:
            raise self._absence()
        future = self._in_flight.add(clip, options)
        self._pump()
        if not self.is_alive:  # lost while we were adding
            self._end_all()
        return future

    def cancel(self, group: str) -> None:
        for future in self._in_flight.drop(group):
            future.cancel()
        self._send(messages.Cancel(group))
        self._pump()

    def statistics(self) -> EngineStatistics:
        """Counters over all processes so far; gauges of now, or none while it is replaced."""
        ticket = self._statistics.new_ticket()
        if self._send(messages.Ask(ticket)):
            self._statistics.wait(ticket)
        return self._statistics.total(num_unsent=len(self._in_flight))

    def close(self) -> None:
        with self._lock:
            is_first = not self._closing.is_set()
            self._closing.set()
            worker = self._worker
            if worker and not self._is_ready:
                worker.kill()  # it is still loading, and hears nothing
        atexit.unregister(self.close)
        self._end_all()
        if worker:
            worker.stop()
        if threading.current_thread() is not self._thread:
            self._thread.join(GOODBYE_SECONDS)
        if is_first:
            self._pool.close()

    # The supervisor's thread

    def _supervise(self) -> None:
        while True:
            self._watchdog.restarted()
            self._read_until_gone()
            if self._closing.is_set() or not self._replace():
                self._end_all()
                return
            self._pump()

    def _read_until_gone(self) -> None:
        worker = self._worker
        assert worker is not None
        looked = time.monotonic()
        while True:
            try:
                message = worker.receive(self._patience.tick)
            except EOFError:
                return
            self._take(message)
            now = time.monotonic()
            if now - looked >= self._patience.tick:
                self._look_after(worker, now - looked)
                looked = now

    def _take(self, message: object | None) -> None:
        match message:
            case messages.Answer(key, outcome, statistics):
                self._deaths_in_a_row, self._tries_left = 0, self._restarts.in_a_row
                self._watchdog.finished()
                self._statistics.note(statistics)
                self._settle(self._in_flight.finish(key), outcome)
                self._pump()
            case messages.Gauges(ticket, statistics):
                self._watchdog.told(statistics)
                self._statistics.note(statistics, ticket)

    def _look_after(self, worker: WorkerProcess, seconds: float) -> None:
        """Ask a process that has work how far it is; end it when it has stood still for too long.

        It is the engine's loop whose steps are counted: an answer alone proves nothing.
        """
        has_work = self._in_flight.has_sent
        if self._watchdog.passed(seconds, has_work=has_work):
            log.error("%s took no step for %.0f s: ended", self._name, self._watchdog.limit)
            worker.kill()
        elif has_work:
            worker.send(messages.Ask(0))

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
        """Start anew until it works, however long that takes. False when closing."""
        code = self._reap()
        for future in self._in_flight.note_death(is_theirs=self._suspects_clips):
            self._settle(future, PoisonClip(f"{self._name} died of this recording (exit {code})"))
        while not self._closing.is_set():
            self._deaths_in_a_row += 1
            self._tries_left -= 1
            log.error("%s died (exit %s), %d in a row", self._name, code, self._deaths_in_a_row)
            if self._tries_left < 0:
                self._go_away()
            if self._closing.wait(self._restarts.delay(self._deaths_in_a_row)):
                return False
            try:
                self._start(self._patience.start)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
                log.error("%s cannot be started: %s", self._name, error)
                continue
            self._come_back()
            return True
        return False

    def _go_away(self) -> None:
        self._is_away = True
        self._end_all()

    def _come_back(self) -> None:
        if self._is_away:
            self._tries_left = TRIES_AFTER_ABSENCE
            self._is_away = False

    def _start(self, seconds: float | None) -> ModelCard:
        """Start a process and wait until its engine is open, or so long. Raises what opening it
        raised; a wait that is interrupted leaves no process behind."""
        worker = WorkerProcess(self._factory, self._pool, self._name)
        with self._lock:
            self._worker = worker
            if self._closing.is_set():
                worker.kill()
        message: object | None = None
        try:
            message = worker.receive(seconds)
        except EOFError:
            pass
        except BaseException:  # an interrupt: it would go on loading, and the exit wait for it
            worker.kill()
            worker.stop()
            raise
        if isinstance(message, messages.Ready):
            with self._lock:
                self._is_ready = True
            return message.card
        if message is None:
            worker.kill()  # it is gone, or too slow
        code = self._reap()
        if isinstance(message, messages.Refused):
            raise message.error
        raise EngineFailed(f"{self._name} died while it started (exit {code})")

    def _reap(self) -> int | None:
        """Forget the dead process; its exit code."""
        with self._lock:
            worker, self._worker = self._worker, None
            self._is_ready = False
        self._statistics.note_death()
        return worker.stop() if worker else None

    # Any thread

    def _pump(self) -> None:
        """Send what may be sent, in order."""
        with self._lock:
            if self._is_ready and self._worker:
                for request in self._in_flight.take_sendable():
                    self._worker.send(request)

    def _send(self, message: object) -> bool:
        with self._lock:
            if self._is_ready and self._worker:
                self._worker.send(message)
                return True
        return False

    def _end_all(self) -> None:
        """Nobody will answer soon: cancel when closing, else fail."""
        for future in self._in_flight.drop_all():
            if self._is_away and not self._closing.is_set():
                self._settle(future, self._absence())
            else:
                future.cancel()

    def _absence(self) -> EngineAway:
        return EngineAway(f"{self._name} died {self._deaths_in_a_row} times in a row")
