"""The engines of all models that the service has: opened when wanted, closed when idle.

A job leases the engine of its model; a leased engine is never closed. What a job is and where it
waits is not known here, nor how an engine is opened (app/engines/opening.py).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from typing import Protocol

from app.engines.states import WAITING, ModelStatus, Progress, State
from decoding.errors import DoesNotFit, EngineAway, EngineFailed, ModelUnavailable
from decoding.types import Decoder, EngineStatistics, ModelCard

LOOK_SECONDS = 0.1  # between two looks whether there is room
ROOM_SECONDS = 0.5  # an engine is spared for so long after it was opened or used
COUNTERS = ("windows_decoded", "windows_retried", "tokens_decoded", "audio_seconds", "steps")
PASSING = (ModelUnavailable, EngineFailed, OSError)  # failures after which it tries again

Changed = Callable[[ModelStatus, Exception | None], None]

log = logging.getLogger(__name__)


class Opening(Protocol):
    """Opens the engine of one model. Blocks, and tells how far it is."""

    def __call__(self, tell: Callable[[Progress], None]) -> Decoder: ...


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between two tries to open an engine: they double up to `longest`."""

    first: float = 1.0
    longest: float = 60.0

    def after(self, tries: int) -> float:
        return min(self.first * 2.0 ** min(tries - 1, 30), self.longest)


@dataclass(eq=False, slots=True)
class _Engine:
    """One model's engine; guarded by the pool's lock."""

    name: str
    opening: Opening
    is_default: bool
    state: State = "closed"
    progress: Progress = WAITING
    decoder: Decoder | None = None
    card: ModelCard | None = None
    users: int = 0
    idle_since: float = 0.0
    is_wanted: bool = False  # while it is being closed
    tries: int = 0
    next_try: float = 0.0
    failure: Exception | None = None
    before: EngineStatistics = field(default_factory=EngineStatistics)  # of engines closed since

    @property
    def status(self) -> ModelStatus:
        return ModelStatus(
            self.name,
            self.state,
            self.progress,
            self.card,
            is_default=self.is_default,
            is_away=self.decoder is not None and not self.decoder.is_alive,
            users=self.users,
            retry_in=max(self.next_try - time.monotonic(), 0.0),
            trouble=_trouble(self.failure) if self.failure else None,
        )


class EnginePool:
    """Engines by the names of their models; the first is the default. Safe for several threads.

    `changed` are called, without the lock, whenever an engine was opened or could not be, with
    what the failure was.
    """

    def __init__(
        self,
        openings: Mapping[str, Opening],
        *,
        idle_seconds: float | None = None,
        pauses: Pauses | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not openings:
            raise ValueError("a pool needs at least one model")
        first = next(iter(openings))
        self._engines = {
            name: _Engine(name, opening, name == first) for name, opening in openings.items()
        }
        self._idle_seconds = idle_seconds
        self._pauses = pauses or Pauses()
        self._clock = clock
        self._lock = threading.RLock()
        self._needs_room: _Engine | None = None
        self._closing = threading.Event()
        self.changed: list[Changed] = []

    @classmethod
    def of(cls, decoder: Decoder) -> EnginePool:
        """A pool of one engine that is open already and stays so."""
        pool = cls({decoder.model.name: lambda _tell: decoder})
        (engine,) = pool._engines.values()
        pool._is_open(engine, decoder)
        return pool

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models, as jobs remember them; the default first."""
        return tuple(self._engines)

    @property
    def default(self) -> ModelStatus:
        return self.statuses()[0]

    def statuses(self) -> list[ModelStatus]:
        with self._lock:
            return [engine.status for engine in self._engines.values()]

    def find(self, name: str) -> ModelStatus | None:
        """The model that is called so, or whose engine calls itself so."""
        with self._lock:
            engine = self._named(name)
            return engine.status if engine else None

    def startable(self) -> set[str]:
        """All names of models whose jobs can begin now.

        None while a model waits for room: who begins now would keep it waiting.
        """
        with self._lock:
            if self._needs_room is not None:
                return set()
            able = [engine.status for engine in self._engines.values()]
            return {name for status in able if status.takes_jobs for name in status.names}

    def want(self, name: str) -> None:
        """Somebody waits for this model: open its engine unless it is open, or under way."""
        with self._lock:
            engine = self._named(name)
            if engine is None or self._closing.is_set():
                return
            if engine.state == "closing":
                engine.is_wanted = True
            if engine.state == "closed" and self._needs_room is None:  # else it is wanted later
                self._begin_opening(engine)

    @contextmanager
    def lease(self, name: str) -> Iterator[Decoder | None]:
        """The model's engine, kept open meanwhile; None, and wanted, where it is not open now."""
        with self._lock:
            engine = self._named(name)
            decoder = engine.decoder if engine and engine.state == "open" else None
            if engine is not None and decoder is not None:
                engine.users += 1
        if engine is None or decoder is None:
            self.want(name)
            yield None
            return
        try:
            yield decoder
        finally:
            with self._lock:
                engine.users -= 1
                engine.idle_since = self._clock()

    def hold(self, name: str) -> ExitStack:
        """A lease that ends when what is returned is closed."""
        held = ExitStack()
        held.enter_context(self.lease(name))
        return held

    def tend(self) -> None:
        """Call it now and then: engines that nobody has used for long are closed."""
        if self._idle_seconds is not None:
            self._close_idle(self._engines.values(), self._idle_seconds)

    def statistics(self) -> EngineStatistics:
        """Sums over all engines, those closed since included in what is counted."""
        with self._lock:
            engines = [(engine.decoder, engine.before) for engine in self._engines.values()]
        parts = [before for _, before in engines]
        parts += [decoder.statistics() for decoder, _ in engines if decoder is not None]
        names = [one.name for one in fields(EngineStatistics)]
        return EngineStatistics(**{n: sum(getattr(part, n) for part in parts) for n in names})

    def close(self) -> None:
        """Close all engines; one that is being opened is closed as soon as it is."""
        self._closing.set()
        with self._lock:
            decoders = [engine.decoder for engine in self._engines.values()]
        for decoder in filter(None, decoders):
            decoder.close()

    # Opening

    def _begin_opening(self, engine: _Engine) -> None:
        engine.state, engine.progress, engine.is_wanted = "opening", WAITING, False
        self._in_thread(self._open, engine)

    def _open(self, engine: _Engine) -> None:
        """Try until it is open, or never will be. In a thread of its own."""
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                decoder = self._opened(engine)
            except Exception as error:  # noqa: BLE001 - whatever it was, somebody waits to be told
                has_tried_alone = isinstance(engine.failure, DoesNotFit)
                is_tight = isinstance(error, DoesNotFit) and not has_tried_alone
                if is_tight and self._make_room(engine):
                    continue
                pause = self._failed(engine, error)
                if pause is None or self._closing.wait(pause):
                    return
                continue
            if self._closing.is_set():
                decoder.close()
                return
            self._is_open(engine, decoder)
            seconds = round(time.monotonic() - began, 1)
            self._log("model is ready", engine, seconds=seconds, device=decoder.model.device)
            self._tell(engine)
            return

    def _opened(self, engine: _Engine) -> Decoder:
        def tell(progress: Progress) -> None:
            is_news = progress.phase != engine.progress.phase
            engine.progress = progress
            if is_news:
                self._log(f"model {progress.sentence}", engine)

        return engine.opening(tell)

    def _is_open(self, engine: _Engine, decoder: Decoder) -> None:
        with self._lock:
            engine.decoder, engine.card = decoder, decoder.model
            engine.state, engine.failure, engine.tries = "open", None, 0
            engine.idle_since = self._clock()
            self._had_its_turn(engine)

    def _failed(self, engine: _Engine, error: Exception) -> float | None:
        """Seconds until the next try; None if there is none."""
        is_passing = isinstance(error, PASSING)
        with self._lock:
            engine.failure = error
            engine.tries += 1
            self._had_its_turn(engine)
            engine.state = "unavailable" if is_passing else "unusable"
            pause = self._pauses.after(engine.tries) if is_passing else None
            engine.next_try = time.monotonic() + (pause or 0.0)
            engine.progress = WAITING
        fields = {"model": engine.name, "retry_in_seconds": pause, "why": str(error)}
        log.error("model cannot be had", extra={"fields": fields})
        self._tell(engine)
        return pause

    def _make_room(self, engine: _Engine) -> bool:
        """Have all other engines closed as soon as they are idle; False if there are none.

        It waits for the jobs that use them. Those that wait for these engines come later: what was
        closed is opened again when they are next, and may need room in its turn.
        """
        others = [one for one in self._engines.values() if one is not engine]
        if not any(one.decoder for one in others):
            return False
        engine.progress = Progress("waiting_for_room")
        self._log(f"model {engine.progress.sentence}", engine)
        while not self._is_next_for_room(engine) and not self._closing.wait(LOOK_SECONDS):
            pass
        while any(one.decoder for one in others) and not self._closing.wait(LOOK_SECONDS):
            self._close_idle(others, ROOM_SECONDS)
        return True

    def _is_next_for_room(self, engine: _Engine) -> bool:
        """One after another: whose turn it is, keeps it until it is open or cannot be."""
        with self._lock:
            self._needs_room = self._needs_room or engine
            return self._needs_room is engine

    def _had_its_turn(self, engine: _Engine) -> None:
        if self._needs_room is engine:
            self._needs_room = None

    def _close_idle(self, engines: Iterable[_Engine], seconds: float) -> None:
        """Close those that nobody has used for so long."""
        with self._lock:
            now = self._clock()
            for engine in engines:
                is_idle = engine.state == "open" and not engine.users
                if is_idle and now - engine.idle_since >= seconds:
                    self._begin_closing(engine)

    # Closing

    def _begin_closing(self, engine: _Engine) -> None:
        engine.state = "closing"
        self._in_thread(self._close, engine)

    def _close(self, engine: _Engine) -> None:
        """Give its memory back. In a thread of its own."""
        decoder = engine.decoder
        assert decoder is not None, "only an open engine is closed"
        last = decoder.statistics()
        decoder.close()
        with self._lock:
            engine.before = _counted(engine.before, last)
            engine.decoder, engine.state = None, "closed"
            self._log("model is unloaded", engine)
            if engine.is_wanted and self._needs_room is None and not self._closing.is_set():
                self._begin_opening(engine)

    def _named(self, name: str) -> _Engine | None:
        if name in self._engines:
            return self._engines[name]
        return next((e for e in self._engines.values() if name in e.status.names), None)

    def _tell(self, engine: _Engine) -> None:
        with self._lock:
            status, failure = engine.status, engine.failure
        for told in self.changed:
            told(status, failure)

    def _in_thread(self, work: Callable[[_Engine], None], engine: _Engine) -> None:
        thread = threading.Thread(
            target=work, args=(engine,), name=f"model-{engine.name}", daemon=True
        )
        thread.start()

    def _log(self, message: str, engine: _Engine, **figures: object) -> None:
        log.info(message, extra={"fields": {"model": engine.name, **figures}})


def _trouble(error: Exception) -> str:
    """What may be told to everybody; the log has the error's own words."""
    if isinstance(error, ModelUnavailable):
        return "could not be downloaded"
    if isinstance(error, DoesNotFit):
        return "does not fit into the device's memory"
    if isinstance(error, EngineAway):
        return "has no engine that answers"
    return "could not be loaded" if isinstance(error, PASSING) else "cannot be used"


def _counted(before: EngineStatistics, last: EngineStatistics) -> EngineStatistics:
    """Counters of both; an engine that is closed has no gauges."""
    counted = {name: getattr(before, name) + getattr(last, name) for name in COUNTERS}
    return EngineStatistics(**counted, deaths=before.deaths + last.deaths)
