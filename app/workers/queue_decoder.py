"""A `Decoder` whose clips wait in Postgres until a worker decodes them: `QueueDecoder`.

Starts no worker, and knows none but by what it says of itself there. Tries no window twice, but for
what a dead worker had: one that failed has failed, and its job's step asks again.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from app.jobs.leases import Lease
from app.storage.asked_clips import AskedClip, AskedClips, WorkerCard
from app.storage.tables import DATABASE_ERRORS
from decoding.cluster.call_statistics import CallStatistics
from decoding.cluster.serve_decoder import TRIES_WITHOUT_STEP, Limits, settle
from decoding.errors import EngineAway, EngineFailed, QueueFull, ReplicaLost
from decoding.types import Clip, Decoded, DecodingOptions, EngineStatistics, ModelCard

CLIPS_AT_ONCE = 16  # in one transaction: the lease must be renewed beside it
GOODBYE_SECONDS = 2.0
NO_WORKER = "no worker is there; they are waited for"
OUT_OF_REACH = "the workers' database is out of reach; it is tried again"
GONE = "the window was lost with its row in the database"

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Call:
    """A clip that is not answered. `tries`: how often it may still be sent."""

    asked: AskedClip
    tries: int
    future: Future[Decoded] = field(default_factory=Future)
    began: float = field(default_factory=time.monotonic)
    is_sent: bool = False


class QueueDecoder:
    """A `Decoder` over all workers of one kind. Closing it leaves them as they are.

    `found`: the workers that there are, one at least. A clip fails with `ReplicaLost` when its row
    is gone, its worker's engine failed, or no answer came in time; with `EngineAway` when no
    worker has lived for a lease, or the database is silent.
    """

    def __init__(
        self,
        clips: AskedClips,
        found: list[WorkerCard],
        lease_seconds: float,
        limits: Limits | None = None,
    ) -> None:
        self._clips = clips
        self._limits = limits or Limits()
        self._card = found[0].card
        self._statistics = CallStatistics(1, _slots(found))  # each slot counts as a replica
        self._looks = 0
        self._heard = self._served = time.monotonic()
        self._patience = lease_seconds  # with workers that are being started again
        self._numbers = itertools.count()
        self._calls: dict[int, _Call] = {}
        self._unwanted: set[int] = set()  # numbers of clips that may be there still
        self._lock = threading.Lock()  # of the two above
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._lease = Lease(self, lease_seconds)
        self._lease.open()
        works = (self._carry, self._listen, self._mind)
        self._threads = [
            threading.Thread(target=work, name=f"workers-{work.__name__}", daemon=True)
            for work in works
        ]
        for thread in self._threads:
            thread.start()

    @property
    def model(self) -> ModelCard:
        return self._card

    @property
    def is_alive(self) -> bool:
        return not self._closing.is_set() and self._absence is None

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        if self._closing.is_set():
            raise EngineFailed("the engine is closed")
        if (absence := self._absence) is not None:
            raise EngineAway(absence)
        tries = 1 if options.needs_slot else TRIES_WITHOUT_STEP
        with self._lock:
            if len(self._calls) >= self._limits.clips:
                raise QueueFull(f"{len(self._calls)} windows are waiting; try again later")
            number = next(self._numbers)
            call = self._calls[number] = _Call(AskedClip(number, clip, options), tries)
        self._wake.set()
        return call.future

    def cancel(self, group: str) -> None:
        self._end(lambda call: call.asked.clip.group == group, None)

    def statistics(self) -> EngineStatistics:
        """Of this service's clips; `steps` are looks at the queue."""
        return self._statistics.total(under_way=len(self._calls), steps=self._looks)

    def close(self) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        self._end(lambda _call: True, None)
        self._wake.set()
        for thread in self._threads:
            thread.join(GOODBYE_SECONDS)  # it may be asking a database that is silent
        self._lease.close()
        self._clips.close()

    @property
    def _absence(self) -> str | None:
        """Why clips are not taken now."""
        if time.monotonic() - self._heard > self._limits.silence_seconds:
            return OUT_OF_REACH
        has_waited = time.monotonic() - self._served > self._patience
        return NO_WORKER if has_waited else None

    # The thread of the lease

    def renew(self) -> bool:
        """Also counts the workers."""
        is_held = self._clips.renew()
        slots = _slots(self._clips.workers())
        self._statistics.note_running(slots)
        self._heard = time.monotonic()
        if slots:
            self._served = self._heard
        return is_held

    def take_over(self) -> list[str]:
        return self._clips.take_over()

    def give_up(self) -> None:
        self._clips.give_up()

    # The thread that carries clips there and answers back

    def _carry(self) -> None:
        looked = 0.0
        while not self._closing.is_set():
            self._wake.wait(self._limits.look_seconds)
            self._wake.clear()
            try:
                self._drop()
                self._send()
                self._collect()
                if time.monotonic() - looked >= self._limits.look_seconds:
                    looked = time.monotonic()
                    self._look()
            except DATABASE_ERRORS as error:
                log.warning("the workers' database: %s", type(error).__name__)
                self._wait_after_failure()
            except Exception as error:  # the outermost place: without this thread nothing goes on
                log.error("carrying windows failed", exc_info=error)
                self._wait_after_failure()

    def _wait_after_failure(self) -> None:
        self._closing.wait(self._limits.look_seconds)
        self._wake.set()

    def _drop(self) -> None:
        with self._lock:
            numbers = frozenset(self._unwanted)
        if numbers:
            self._clips.drop(numbers)
            with self._lock:
                self._unwanted -= numbers

    def _send(self) -> None:
        while True:
            with self._lock:
                waiting = (call for call in self._calls.values() if not call.is_sent)
                calls = list(itertools.islice(waiting, CLIPS_AT_ONCE))
            if not calls:
                return
            self._clips.put([call.asked for call in calls])
            for call in calls:
                call.is_sent = True
                if call.tries == 1:  # its samples are there now
                    call.asked = replace(call.asked, clip=_bare(call.asked.clip))

    def _collect(self) -> None:
        for number, outcome in self._clips.collect():
            call = self._calls.get(number)
            if call is not None and isinstance(outcome, Decoded):
                self._statistics.note(call.asked.clip, outcome)
            self._settle(number, outcome)

    def _look(self) -> None:
        """Find what is gone with its row."""
        self._looks += 1
        with self._lock:
            sent = {number for number, call in self._calls.items() if call.is_sent}
        for number in sent - self._clips.numbers() if sent else ():
            self._settle(number, ReplicaLost(GONE))

    def _settle(self, number: int, outcome: Decoded | Exception) -> None:
        with self._lock:
            call = self._calls.get(number)
            if call is None:
                return
            if isinstance(outcome, ReplicaLost) and call.tries > 1:
                call.tries -= 1
                call.is_sent = False
                self._wake.set()
                return
            del self._calls[number]
        settle(call.future, outcome)

    # The thread that listens

    def _listen(self) -> None:
        while not self._closing.is_set():
            self._clips.listen(self._clips.channel, self._wake.set, self._closing)
            self._closing.wait(self._limits.look_seconds)

    # The thread that minds the time, and asks nobody

    def _mind(self) -> None:
        told: str | None = None
        while not self._closing.wait(self._limits.look_seconds):
            absence = self._absence
            if absence is not None:
                if absence != told:
                    log.error(absence)
                self._end(lambda _call: True, EngineAway(absence))
            told = absence
            too_old = time.monotonic() - self._limits.answer_seconds
            seconds = self._limits.answer_seconds
            late = ReplicaLost(f"no answer in {seconds:.0f} s")
            self._end(partial(_began_before, too_old), late)

    def _end(self, is_meant: Callable[[_Call], bool], outcome: Exception | None) -> None:
        """End these calls; what was sent of them is deleted."""
        with self._lock:
            calls = [call for call in self._calls.values() if is_meant(call)]
            for call in calls:
                del self._calls[call.asked.number]
                self._unwanted.add(call.asked.number)
        for call in calls:
            settle(call.future, outcome)
        if calls:
            self._wake.set()


def _began_before(moment: float, call: _Call) -> bool:
    return call.began < moment


def _slots(found: list[WorkerCard]) -> int:
    return sum(one.slots for one in found)


def _bare(clip: Clip) -> Clip:
    """The clip with as much silence, which takes no memory, in place of its samples."""
    return replace(clip, samples=np.broadcast_to(np.int16(0), clip.samples.shape))
