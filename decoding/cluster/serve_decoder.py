"""A `Decoder` on the replicas of a cluster: `ServeDecoder`.

Each clip is one call of a replica; Serve says which. Starts nothing, and tries no window twice: one
whose replica died has failed, and its job's step asks again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from decoding.cluster.call_statistics import CallStatistics
from decoding.errors import EngineAway, EngineFailed, PoisonClip, QueueFull, ReplicaLost
from decoding.types import Clip, Decoded, DecodingOptions, EngineStatistics, ModelCard

TRIES_WITHOUT_STEP = 3  # of clips that no step of a job asks for again: where speech is
GOODBYE_SECONDS = 2.0
OUT_OF_REACH = "the cluster is out of reach; it is tried again"

log = logging.getLogger(__name__)


class Replicas(Protocol):
    """What is asked of an application of Ray Serve."""

    def handle(self) -> Any: ...

    def describe(self) -> tuple[ModelCard, EngineStatistics]: ...

    def num_running(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Clips under way at once; seconds that a clip may be, and that the cluster may be silent."""

    clips: int = 1024
    answer_seconds: float = 3600.0
    silence_seconds: float = 20.0
    look_seconds: float = 1.0


@dataclass(slots=True, eq=False)
class _Call:
    """A clip under way; `task` asks for it, once it has begun."""

    group: str
    future: Future[Decoded]
    task: asyncio.Task[None] | None = None


class ServeDecoder:
    """A `Decoder` over the replicas of one application. Closing it leaves them as they are.

    A clip fails with `ReplicaLost` when its replica died, is gone, or gave no answer in time; with
    `EngineAway` when there is no other, or the cluster itself is out of reach. In the latter case
    `lost` is called when every clip has been answered. `share` of the replicas' slots is its own.
    """

    def __init__(
        self,
        replicas: Replicas,
        limits: Limits | None = None,
        lost: Callable[[], None] = lambda: None,
        share: float = 1.0,
    ) -> None:
        self._replicas = replicas
        self._limits = limits or Limits()
        self._lost = lost
        self._card, statistics = replicas.describe()
        self._statistics = CallStatistics(statistics.slots, replicas.num_running(), share)
        self._handle = replicas.handle()
        self._name = uuid.uuid4().hex
        self._cancels = 0
        self._calls: set[_Call] = set()
        self._lock = threading.Lock()  # of the three above
        self._looks = 0
        self._heard = time.monotonic()
        self._is_lost = False
        self._closing = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._threads = [
            threading.Thread(target=work, name=f"cluster-{work.__name__}", daemon=True)
            for work in (self._serve_calls, self._look_after)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def model(self) -> ModelCard:
        return self._card

    @property
    def is_alive(self) -> bool:
        return not self._is_lost and not self._closing.is_set()

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        if self._closing.is_set():
            raise EngineFailed("the engine is closed")
        if self._is_lost:
            raise EngineAway(OUT_OF_REACH)
        call = _Call(clip.group, Future())
        with self._lock:
            if len(self._calls) >= self._limits.clips:
                raise QueueFull(f"{len(self._calls)} windows are waiting; try again later")
            self._calls.add(call)
            # What a cancel does at the replicas, it does to the clips that came before it.
            named = replace(clip, group=f"{clip.group} {self._name} {self._cancels}")
        self._loop.call_soon_threadsafe(self._begin, call, named, options)
        return call.future

    def cancel(self, group: str) -> None:
        with self._lock:
            self._cancels += 1
            calls = [call for call in self._calls if call.group == group]
        self._drop(calls)

    def statistics(self) -> EngineStatistics:
        """Of this gateway's clips; `steps` are looks at the replicas."""
        return self._statistics.total(under_way=len(self._calls), steps=self._looks)

    def close(self) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        with self._lock:
            calls = list(self._calls)
        self._drop(calls)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._threads[0].join()
        self._loop.close()
        self._threads[1].join(GOODBYE_SECONDS)  # it may be asking a cluster that is silent

    def _drop(self, calls: list[_Call]) -> None:
        for call in calls:
            call.future.cancel()
            self._loop.call_soon_threadsafe(_cancel_task, call)

    # The thread of the calls

    def _serve_calls(self) -> None:
        self._loop.create_task(self._mind_silence())
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    def _begin(self, call: _Call, clip: Clip, options: DecodingOptions) -> None:
        call.task = self._loop.create_task(self._ask(call, clip, options))

    async def _ask(self, call: _Call, clip: Clip, options: DecodingOptions) -> None:
        tries = 1 if options.needs_slot else TRIES_WITHOUT_STEP
        try:
            outcome = await self._outcome(clip, options)
            while isinstance(outcome, ReplicaLost) and (tries := tries - 1):
                outcome = await self._outcome(clip, options)
        except asyncio.CancelledError:
            outcome = None
        finally:
            with self._lock:
                self._calls.discard(call)
        settle(call.future, outcome)

    async def _outcome(self, clip: Clip, options: DecodingOptions) -> Decoded | Exception | None:
        response = self._handle.decode.remote(clip, options)
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                outcome: Decoded | Exception | None = await response
        except asyncio.CancelledError:
            response.cancel()
            raise
        except TimeoutError:
            response.cancel()
            return ReplicaLost(f"no answer in {self._limits.answer_seconds:.0f} s")
        except Exception as error:  # noqa: BLE001 - Ray's errors, and those of what is beneath it
            return self._translated(error)
        if isinstance(outcome, Decoded):
            self._statistics.note(clip, outcome)
        return self._of_the_cluster(outcome)

    def _of_the_cluster(self, outcome: Decoded | Exception | None) -> Decoded | Exception | None:
        """One engine's failure is not that of all."""
        is_away = isinstance(outcome, EngineAway)
        if is_away and self._statistics.running <= 1:
            return outcome
        if isinstance(outcome, EngineFailed) and not isinstance(outcome, PoisonClip):
            return ReplicaLost(str(outcome))
        return outcome

    def _translated(self, error: Exception) -> Exception:
        from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

        if isinstance(error, BackPressureError):
            return QueueFull(str(error))
        if isinstance(error, DeploymentUnavailableError):
            return EngineAway(str(error))
        log.error("a replica is lost: %s", first_line(error))
        return ReplicaLost(f"the replica is lost: {first_line(error)}")

    async def _mind_silence(self) -> None:
        """When nothing is heard of the cluster for so long: answer all, and say that it is lost."""
        while time.monotonic() - self._heard < self._limits.silence_seconds:
            await asyncio.sleep(self._limits.look_seconds)
        log.error("the cluster is out of reach")
        self._is_lost = True
        with self._lock:
            calls = list(self._calls)
        for call in calls:
            settle(call.future, EngineAway(OUT_OF_REACH))
            _cancel_task(call)
        self._lost()

    # The thread that looks

    def _look_after(self) -> None:
        while not self._closing.wait(self._limits.look_seconds):
            try:
                running = self._replicas.num_running()
            except Exception as error:  # noqa: BLE001 - silence, whatever the reason
                log.warning("the cluster does not answer: %s", first_line(error))
                continue
            self._heard = time.monotonic()
            self._looks += 1
            self._statistics.note_running(running)


def settle(future: Future[Decoded], outcome: Decoded | Exception | None) -> None:
    """Pass on what came of a clip; None: it was cancelled."""
    with suppress(InvalidStateError):  # its owner cancelled it
        if outcome is None:
            future.cancel()
        elif isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def first_line(error: Exception) -> str:
    """Ray's errors are pages long."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _cancel_task(call: _Call) -> None:
    if call.task is not None:
        call.task.cancel()
