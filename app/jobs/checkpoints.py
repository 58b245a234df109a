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
from pathlib import Path
from typing import Protocol

from app.storage.codecs import encode_options
from app.storage.store import Store
from chunking.types import Piece, Window
from decoding.errors import QueueFull
from decoding.types import ModelCard
from transcription.errors import Cancelled
from transcription.options import TranscriptionOptions
from transcription.types import Recording, VoiceActivityDetector, WindowDecoder

OPEN_STEPS = 8  # threads of one job; how many may decode at once is for `Turns` to say
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


class Turns:
    """How many steps a job may have open: several while it is alone, fewer beside others.

    Steps of a job take their turns in the order in which they were drawn.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._jobs: dict[str, list[object]] = {}  # steps that were drawn and have not ended
        self._changed = threading.Condition()
        self.patience = threading.Lock()  # held by the one step that waits for a full engine

    def enter(self, job_id: str) -> None:
        with self._changed:
            self._jobs.setdefault(job_id, [])

    def leave(self, job_id: str) -> None:
        with self._changed:
            self._jobs.pop(job_id, None)
            self._changed.notify_all()

    def draw(self, job_id: str) -> object:
        """The ticket of the job's next step; to be given back whether it needed its turn or not."""
        ticket = object()
        with self._changed:
            if job_id in self._jobs:
                self._jobs[job_id].append(ticket)
        return ticket

    def give_back(self, job_id: str, ticket: object) -> None:
        with self._changed:
            if ticket in self._jobs.get(job_id, ()):
                self._jobs[job_id].remove(ticket)
            self._changed.notify_all()

    def wait(self, job_id: str, ticket: object) -> None:
        """Return when the step may go on: few enough are before it. At once if the job has left."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_next(job_id, ticket))

    def _is_next(self, job_id: str, ticket: object) -> bool:
        tickets = self._jobs.get(job_id, [])
        return ticket not in tickets or tickets.index(ticket) < self._allowed

    @property
    def _allowed(self) -> int:
        return max(1, self._steps // max(len(self._jobs), 1))


class DurableWindowDecoder:
    """The windows of one job: from the store where they are finished, else from `engine`."""

    def __init__(
        self, job_id: str, engine: WindowDecoder, store: Store, steps: Steps, turns: Turns
    ) -> None:
        self._job_id = job_id
        self._engine = engine
        self._store = store
        self._steps = steps
        self._turns = turns
        self._stop: Exception | Interrupted | None = None
        self.recordings: dict[int | None, Path] = {}
        self._threads = ThreadPoolExecutor(OPEN_STEPS, thread_name_prefix=f"steps-{job_id}")

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
        step = self._steps.reserve()
        ticket = self._turns.draw(self._job_id)
        key = key_of(recording, windows, options)

        def decode() -> str:
            self._turns.wait(self._job_id, ticket)
            digest = self._decode(key, recording, windows, options)
            self._turns.give_back(self._job_id, ticket)  # it is kept: the next one may begin
            return digest

        def kept_or_decoded() -> str:  # kept: the service stopped before the step was remembered
            return self._store.find_digest(self._job_id, key) or decode()

        def run() -> tuple[Piece, ...]:
            try:
                return find_or_decode()
            finally:
                self._turns.give_back(self._job_id, ticket)

        def find_or_decode() -> tuple[Piece, ...]:
            self.check()
            kept = self._store.find_checkpoint(self._job_id, key, step(kept_or_decoded))
            if kept is None:  # the step is remembered, its pieces are not: decode them again
                kept = self._store.find_checkpoint(self._job_id, key, decode())
            if kept is None:
                raise Cancelled("The job is over.")
            return kept

        return self._threads.submit(contextvars.copy_context().run, run)

    def stop(self, reason: Exception | Interrupted) -> None:
        """Start no further step; `reason` is what the pipeline is told."""
        self._stop = reason

    def close(self, *, wait: bool = False) -> None:
        """Begin no further step; `wait` until those under way have ended."""
        self._turns.leave(self._job_id)
        self._threads.shutdown(wait=wait, cancel_futures=True)

    def _decode(
        self,
        key: str,
        recording: Recording,
        group: Sequence[Window],
        options: TranscriptionOptions,
    ) -> str:
        """Decode, keep, and return the digest of what was kept."""
        self.check()
        try:
            pieces = self._ask(recording, group, options)
        except CancelledError:
            self.check()
            raise
        digest = self._store.add_checkpoint(self._job_id, key, pieces)
        if digest is None:
            raise Cancelled("The job is over.")
        return digest

    def _ask(
        self, recording: Recording, group: Sequence[Window], options: TranscriptionOptions
    ) -> tuple[Piece, ...]:
        """Ask the engine, patiently while its queue is full."""
        with suppress(QueueFull):
            return self._hand_over(recording, group, options)
        give_up = time.monotonic() + PATIENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        with self._turns.patience:  # or those who wait would fill the queue for each other
            while True:
                self.check()
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                try:
                    return self._hand_over(recording, group, options)
                except QueueFull:
                    if time.monotonic() > give_up:
                        raise

    def _hand_over(
        self, recording: Recording, group: Sequence[Window], options: TranscriptionOptions
    ) -> tuple[Piece, ...]:
        future = self._engine.submit(recording, group, options)
        self.check()  # stopped meanwhile: these windows came after it, and are for nobody
        return future.result()

    def check(self) -> None:
        """Raise the reason of `stop`, if it was called."""
        if self._stop is not None:
            raise self._stop


def key_of(recording: Recording, group: Sequence[Window], options: TranscriptionOptions) -> str:
    """The same for the same sound, windows and options; different otherwise."""
    whole = hashlib.sha256()
    whole.update(f"{recording.digest} {recording.channel}\n".encode())
    for window in group:
        whole.update(f"{window.index} {window.start!r} {window.end!r} {window.kind}\n".encode())
    whole.update(encode_options(options).encode())
    return whole.hexdigest()
