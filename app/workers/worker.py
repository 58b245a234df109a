"""A worker: takes clips from Postgres, lets its engine decode them, writes what came of them.

Holds nothing else: no recording, no job, no upload. Batches are the engine's own: what is here at
the same time, of whichever service, is decoded together.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from functools import partial

from app.jobs.leases import Lease
from app.storage.clip_queue import FOR_WORKERS
from app.storage.tables import DATABASE_ERRORS
from app.storage.taken_clips import AHEAD, ClipKey, TakenClip, TakenClips
from decoding.errors import EngineAway, EngineFailed, PoisonClip, ReplicaLost
from decoding.types import Decoded, Decoder

GOODBYE_SECONDS = 2.0
LOOK_SECONDS = 1.0  # between two looks at the queue when nothing is heard of it

log = logging.getLogger(__name__)


class Worker:
    """One engine, and the clips that it has taken. Closes both when it has run."""

    def __init__(self, decoder: Decoder, clips: TakenClips, lease_seconds: float) -> None:
        self._decoder = decoder
        self._clips = clips
        self._slots = max(decoder.statistics().slots, 1)
        self._held: dict[ClipKey, TakenClip] = {}
        self._alone: list[TakenClip] = []  # suspects, begun when they are all that is here
        self._has_begun_alone = False
        self._ended: dict[ClipKey, Decoded | Exception | None] = {}  # None: for another worker
        self._lock = threading.Lock()  # of what has ended
        self._wake = threading.Event()
        self._lease = Lease(self, lease_seconds)

    def run(self, stopping: threading.Event) -> None:
        """Work until `stopping`, once; what is not done then, another worker gets at once.

        Raises `DATABASE_ERRORS` when the database is not there at the start; later it is waited
        for.
        """
        try:
            self._lease.open()
            listener = threading.Thread(target=self._listen, args=(stopping,), daemon=True)
            listener.start()
            self._work(stopping)
            self._lease.close()
            listener.join(GOODBYE_SECONDS)
        finally:
            self._clips.close()
            self._decoder.close()

    def wake(self) -> None:
        """Look at the queue now, or notice that it is time to stop."""
        self._wake.set()

    # The thread of the lease

    def renew(self) -> bool:
        """A worker whose engine is being started again is none: what it had goes to others."""
        if not self._decoder.is_alive:
            self._clips.give_up()
            return True
        self._slots = max(self._decoder.statistics().slots, 1)
        return self._clips.announce(self._decoder.model, self._slots)

    def take_over(self) -> list[str]:
        return self._clips.take_over()

    def give_up(self) -> None:
        self._clips.give_up()

    # The thread that works

    def _work(self, stopping: threading.Event) -> None:
        looked = 0.0
        while not stopping.is_set():
            try:
                self._write()
                if time.monotonic() - looked >= LOOK_SECONDS:
                    looked = time.monotonic()
                    self._let_go()
                self._take()
            except DATABASE_ERRORS as error:
                log.warning("the database: %s", type(error).__name__)
                stopping.wait(LOOK_SECONDS)
            except Exception as error:  # the outermost place: another clip may be fine
                log.error("taking windows failed", exc_info=error)
                stopping.wait(LOOK_SECONDS)
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _write(self) -> None:
        """Write what has ended; what another worker is to decode goes back."""
        with self._lock:
            ended = dict(self._ended)
        told = {key: outcome for key, outcome in ended.items() if outcome is not None}
        if told:
            self._clips.answer(told)
        if back := ended.keys() - told.keys():
            self._clips.give_back(back)
        with self._lock:
            for key in ended:
                del self._ended[key]
                self._held.pop(key, None)

    def _let_go(self) -> None:
        """Decode no longer what was cancelled, or was given to another while we were away."""
        if not self._held:
            return
        gone = self._held.keys() - self._clips.held()
        groups = {self._held[key].clip.group for key in gone}
        with self._lock:
            for key in gone:
                del self._held[key]
                self._ended.pop(key, None)
        for group in groups:
            self._decoder.cancel(group)

    def _take(self) -> None:
        if not self._decoder.is_alive or self._is_busy_alone():
            return
        if len(self._held) >= AHEAD * self._slots:
            return
        taken = self._clips.take(self._decoder.model, self._slots, len(self._held))
        self._held |= {one.key: one for one in taken}
        if taken and taken[0].is_suspect:
            self._alone, self._has_begun_alone = taken, False
            self._is_busy_alone()
        else:
            self._begin(taken)

    def _is_busy_alone(self) -> bool:
        """Whether suspects are here; they begin when nothing else is here any more."""
        self._alone = [one for one in self._alone if one.key in self._held]
        if not self._alone:
            return False
        if not self._has_begun_alone and len(self._alone) == len(self._held):
            self._clips.begin_alone([one.key for one in self._alone])
            self._has_begun_alone = True
            self._begin(self._alone)
        return True

    def _begin(self, taken: list[TakenClip]) -> None:
        for one in taken:
            try:
                future = self._decoder.submit(one.clip, one.options)
            except Exception as error:  # noqa: BLE001 - raised again where it was asked for
                self._end(one.key, error)
            else:
                future.add_done_callback(partial(self._note, one.key))

    # Any thread

    def _note(self, key: ClipKey, future: Future[Decoded]) -> None:
        if future.cancelled():
            self._end(key, None)
        else:
            self._end(key, future.exception() or future.result())

    def _end(self, key: ClipKey, outcome: Decoded | BaseException | None) -> None:
        with self._lock:
            if key in self._held:
                self._ended[key] = _told(outcome)
        self._wake.set()

    def _listen(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._clips.listen(FOR_WORKERS, self._wake.set, stopping)
            stopping.wait(LOOK_SECONDS)


def _told(outcome: Decoded | BaseException | None) -> Decoded | Exception | None:
    """What is written of it. This engine's absence is not that of all: another worker is asked."""
    if outcome is None or isinstance(outcome, EngineAway):
        return None
    if isinstance(outcome, EngineFailed) and not isinstance(outcome, PoisonClip):
        return ReplicaLost(str(outcome))
    if isinstance(outcome, Exception):
        return outcome
    return outcome if isinstance(outcome, Decoded) else EngineFailed(str(outcome))
