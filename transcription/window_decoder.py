"""Windows of a recording decoded by an engine: cut the clip, submit, place the words.

Keeps no checkpoint: a durable job wraps this with its own `WindowDecoder`.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future

import numpy as np
from numpy.typing import NDArray

from chunking.types import Piece, Window
from decoding.types import SAMPLE_RATE, Clip, Decoded, Decoder, Expected, ModelCard
from transcription.engine_vad import vad_of
from transcription.options import TranscriptionOptions
from transcription.pace import Pace
from transcription.types import Recording, VoiceActivityDetector
from transcription.words import place_words


class EngineWindowDecoder:
    """A `WindowDecoder` on one engine. `group` is what `cancel` cancels; `caller` owns fairness.

    `pace` hears of every window, except of those that only tell a language.
    """

    def __init__(
        self, decoder: Decoder, *, group: str, caller: str = "", pace: Pace | None = None
    ) -> None:
        self._decoder = decoder
        self._group = group
        self._caller = caller
        self.pace = pace or Pace()
        self.windows_left = 1

    @property
    def model(self) -> ModelCard:
        return self._decoder.model

    @property
    def vad(self) -> VoiceActivityDetector:
        return vad_of(self._decoder, group=self._group, caller=self._caller)

    def submit(
        self, recording: Recording, windows: Sequence[Window], options: TranscriptionOptions
    ) -> Future[tuple[Piece, ...]]:
        """Submit every window at once; the future holds their pieces in the same order.

        Where the engine takes only some of them, these are cancelled: nobody waits for them.
        """
        futures: list[Future[Decoded]] = []
        try:
            for position, window in enumerate(windows):
                clip = self._clip(recording, window, position)
                futures.append(self._decoder.submit(clip, options.decoding))
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return self._gather(futures, windows, options)

    def _clip(self, recording: Recording, window: Window, position: int) -> Clip:
        samples = recording.read(window.span)
        return Clip(
            samples,
            group=self._group,
            caller=self._caller,
            windows_left=max(self.windows_left - position, 1),
            start=window.start,
            seed=seed_of(samples, window),
            expected=expected_of(window),
        )

    def _gather(
        self,
        futures: Sequence[Future[Decoded]],
        windows: Sequence[Window],
        options: TranscriptionOptions,
    ) -> Future[tuple[Piece, ...]]:
        gathered = _Gathered(windows, options)
        for position, future in enumerate(futures):
            if options.decoding.task != "lang_id":
                self.pace.submitted(1)
                future.add_done_callback(self._note)
            future.add_done_callback(gathered.receiver(position))
        return gathered.future

    def _note(self, future: Future[Decoded]) -> None:
        self.pace.ended(is_done=not future.cancelled() and future.exception() is None)

    def share(self, windows_ahead: int) -> int:
        """Slots that this recording has, or will have when so many of its windows are in flight."""
        engine = self._decoder.statistics()
        others = max(engine.slots_in_use + engine.queued - self.pace.under_way, 0)
        ours = max(self.pace.under_way, windows_ahead)
        return max(round(engine.slots * ours / max(ours + others, 1)), 1)

    def cancel(self) -> None:
        self._decoder.cancel(self._group)


def expected_of(window: Window) -> Expected:
    """What is known of the text of `window`, on the clock of its clip."""

    def in_clip(time: float | None) -> float | None:
        return None if time is None else time - window.start

    return Expected(
        in_clip(window.needed_until), in_clip(window.spoken_until), window.spoken_seconds
    )


def seed_of(samples: NDArray[np.int16], window: Window) -> int:
    """Same sound and window, same random numbers: 63 bits of a hash, of the first second."""
    key = samples[:SAMPLE_RATE].tobytes() + f":{window.start:.3f}:{window.end:.3f}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) >> 1


class _Gathered:
    """Collects the results of several futures into one, which fails as the first of them fails."""

    def __init__(self, windows: Sequence[Window], options: TranscriptionOptions) -> None:
        self.future: Future[tuple[Piece, ...]] = Future()
        self._windows = windows
        self._threshold = options.decoding.logprob_threshold
        self._decoded: list[Decoded | None] = [None] * len(windows)
        self._lock = threading.Lock()
        self._missing = len(windows)
        if not windows:
            self.future.set_result(())

    def receiver(self, position: int) -> _Receiver:
        return _Receiver(self, position)

    def take(self, position: int, future: Future[Decoded]) -> None:
        with self._lock:
            if self.future.done():
                return
            if future.cancelled():
                self.future.set_exception(CancelledError())
                return
            if (error := future.exception()) is not None:
                self.future.set_exception(error)
                return
            self._decoded[position] = future.result()
            self._missing -= 1
            if self._missing == 0:
                self._settle()

    def _settle(self) -> None:
        """Whatever goes wrong here reaches the waiter; a callback's own error would be lost."""
        try:
            self.future.set_result(self._pieces())
        except Exception as error:  # noqa: BLE001 - raised again where the pieces are awaited
            self.future.set_exception(error)

    def _pieces(self) -> tuple[Piece, ...]:
        pairs = zip(self._decoded, self._windows, strict=True)
        return tuple(
            place_words(decoded, window, logprob_threshold=self._threshold)
            for decoded, window in pairs
            if decoded
        )


class _Receiver:
    """The done-callback of one clip."""

    def __init__(self, gathered: _Gathered, position: int) -> None:
        self._gathered = gathered
        self._position = position

    def __call__(self, future: Future[Decoded]) -> None:
        self._gathered.take(self._position, future)
