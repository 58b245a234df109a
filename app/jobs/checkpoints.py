"""A `WindowDecoder` that never decodes a finished group of windows again.

A group of up to eight windows is one durable step: its pieces go to the store under a key made of
all that determines them, and the digest of the pieces is what the workflow remembers.
"""

from __future__ import annotations

import contextvars
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from app.jobs.turns import Ticket, Turns
from app.storage.codecs import encode_options
from app.storage.store import Job, Store
from chunking.types import Piece, Window
from decoding.errors import QueueFull
from decoding.types import ModelCard
from transcription.errors import Cancelled
from transcription.in_flight import WINDOWS_IN_FLIGHT
from transcription.options import TranscriptionOptions
from transcription.types import Recording, VoiceActivityDetector, WindowDecoder

PATIENCE_SECONDS = 600.0  # with an engine whose queue is full
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

Step = Callable[[Callable[[], str]], str]


class Interrupted(BaseException):
    """The service stops. Nobody may take this for the outcome of a step or a job."""


class Steps(Protocol):
    """Durable steps of the workflow that runs in this thread."""

    def reserve(self) -> Step:
        """Draw the next place in the workflow's history now; run a function there later."""
        ...


@dataclass(frozen=True, slots=True)
class _Group:
    """Windows that are one step: what is asked, its key in the store, its place in the history of
    the workflow and its ticket for a turn."""

    recording: Recording
    windows: Sequence[Window]
    options: TranscriptionOptions
    key: str
    step: Step
    ticket: Ticket


class DurableWindowDecoder:
    """The windows of one job: from the store where they are finished, else from `engine`."""

    def __init__(
        self, job: Job, engine: WindowDecoder, store: Store, steps: Steps, turns: Turns
    ) -> None:
        self._job_id = job.id
        self._generation = job.generation
        self._engine = engine
        self._store = store
        self._steps = steps
        self._turns = turns
        self._stop: Exception | Interrupted | None = None
        self._handing_over = threading.Lock()
        self.recordings: dict[int | None, Path] = {}
        # One for every group in flight: none waits for a thread while others wait for its turn.
        most = WINDOWS_IN_FLIGHT + 1
        self._threads = ThreadPoolExecutor(most, thread_name_prefix=f"steps-{job.id}")

    @property
    def model(self) -> ModelCard:
        return self._engine.model

    @property
    def vad(self) -> VoiceActivityDetector:
        """Without checkpoints: what was detected is kept beside the sound."""
        return self._engine.vad

    def submit(
        self, recording: Recording, windows: Sequence[Window], options: TranscriptionOptions
    ) -> Future[tuple[Piece, ...]]:
        """Reserve the step now, in the order of the calls; it runs in a thread of this job.

        `windows` are at most eight, as the pipeline groups them.
        """
        self.recordings[recording.channel] = recording.path
        group = _Group(
            recording,
            windows,
            options,
            key=key_of(recording, windows, options),
            step=self._steps.reserve(),
            ticket=self._turns.draw(self._job_id, windows[0].start, len(windows)),
        )
        return self._threads.submit(contextvars.copy_context().run, self._answer, group)

    def _answer(self, group: _Group) -> tuple[Piece, ...]:
        """1. run the step, or be told what it gave before; 2. read the pieces that it kept."""
        try:
            self.check()
            pieces = self._find(group, group.step(partial(self._find_or_decode, group)))
            if pieces is None:  # the step is remembered, its pieces are not: decode them again
                pieces = self._find(group, self._decode(group))
            if pieces is None:
                raise Cancelled("The job is over.")
            return pieces
        finally:
            self._turns.give_back(self._job_id, group.ticket)

    def _find(self, group: _Group, digest: str) -> tuple[Piece, ...] | None:
        return self._store.find_checkpoint(self._job_id, group.key, digest)

    def _find_or_decode(self, group: _Group) -> str:
        """The digest of the pieces; found: the service stopped before the step was remembered."""
        return self._store.find_digest(self._job_id, group.key) or self._decode(group)

    def stop(self, reason: Exception | Interrupted) -> None:
        """Start no further step; `reason` is what the pipeline is told.

        Afterwards no window comes to the engine: who cancels those that are there, cancels all.
        """
        with self._handing_over:
            self._stop = reason

    def close(self, *, wait: bool = False) -> None:
        """Begin no further step; `wait` until those under way have ended."""
        self._turns.leave(self._job_id)
        self._threads.shutdown(wait=wait, cancel_futures=True)

    def _decode(self, group: _Group) -> str:
        """Wait for a turn, decode, keep, and return the digest of what was kept."""
        self._turns.wait(self._job_id, group.ticket)
        try:
            pieces = self._ask(group)
        except CancelledError:
            self.check()
            raise
        digest = self._store.add_checkpoint(
            self._job_id, group.key, pieces, generation=self._generation
        )
        if digest is None:
            raise Cancelled("The job is over.")
        self._turns.clear(self._job_id)
        self._turns.give_back(self._job_id, group.ticket)  # it is kept: the next one may begin
        return digest

    def _ask(self, group: _Group) -> tuple[Piece, ...]:
        """Ask the engine, patiently while its queue is full."""
        with suppress(QueueFull):
            return self._hand_over(group)
        give_up = time.monotonic() + PATIENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        with self._turns.patience:  # or those who wait would fill the queue for each other
            while True:
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                try:
                    return self._hand_over(group)
                except QueueFull:
                    if time.monotonic() > give_up:
                        raise

    def _hand_over(self, group: _Group) -> tuple[Piece, ...]:
        """Give the windows to the engine unless the job was stopped, and wait for their pieces."""
        with self._handing_over:
            self.check()
            future = self._engine.submit(group.recording, group.windows, group.options)
        return future.result()

    def check(self) -> None:
        """Raise the reason of `stop`, if it was called."""
        if self._stop is not None:
            raise self._stop


def key_of(recording: Recording, group: Sequence[Window], options: TranscriptionOptions) -> str:
    """The same for the same sound, windows and options; different otherwise."""
    whole = hashlib.sha256(f"{recording.channel}\n".encode())
    for window in group:
        whole.update(recording.fingerprint(window.span))
        asked = f"{window.index} {window.start!r} {window.end!r} {window.kind}"
        heard = f"{window.needed_until!r} {window.spoken_until!r} {window.spoken_seconds!r}"
        whole.update(f"{asked} {heard}\n".encode())
    whole.update(encode_options(options).encode())
    return whole.hexdigest()
