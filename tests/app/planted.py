"""An engine whose words follow from the samples, and a plain pipeline for WAV files.

Small real implementations: the engine is a `Decoder` with threads, futures, cancellation and a
settable speed; the pipeline cuts, decodes and joins windows without overlap. What is heard in a
window depends on its samples alone, so a transcript shows whether a window was lost or swapped.
"""

from __future__ import annotations

import hashlib
import io
import math
import shutil
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from chunking.types import Coverage, Piece, Segment, Span, Window
from decoding.errors import EngineFailed, QueueFull
from decoding.types import (
    SAMPLE_RATE,
    Clip,
    Decoded,
    DecodedWord,
    DecodingOptions,
    EngineStatistics,
    ModelCard,
)
from transcription.errors import AudioTooLong, UnsupportedMedia
from transcription.options import TranscriptionOptions
from transcription.reader import Reader, ThreadReader
from transcription.types import Observer, Recording, Transcript, WindowDecoder

WORDS_PER_WINDOW = 4
GROUP = 8
IN_FLIGHT = 8
GIVE_UP_SECONDS = 100.0  # below the time limit of a test; a busy machine may need long


class PlantedDecoder:
    """`seconds_per_window` of work each, `slots` at once; `fail` may raise instead.

    A gate makes tests independent of who is faster: `free_windows` windows pass it, the others
    wait until the test sets `released`, or for `gate_seconds`. Without `free_windows` it is open
    from the start.
    """

    def __init__(
        self,
        seconds_per_window: float = 0.0,
        *,
        slots: int = 8,
        is_multilingual: bool = True,
        fail: Callable[[int], Exception | None] = lambda _count: None,
        free_windows: int | None = None,
        gate_seconds: float = GIVE_UP_SECONDS,
    ) -> None:
        languages = ("en", "de", "hi") if is_multilingual else ("en",)
        self.is_alive = True
        self.model = ModelCard("planted", is_multilingual, languages, 1, "cpu", "fp32")
        self.seconds_per_window = seconds_per_window
        self.fail = fail
        self.words_per_window = WORDS_PER_WINDOW
        self.queue_limit = 10_000
        self.asked = 0
        self.decoded = 0
        self.clips: list[bytes] = []
        self.options: list[DecodingOptions] = []
        self.cancelled: list[str] = []
        self.released = threading.Event()
        self._free_windows = free_windows or 0
        self._gate_seconds = gate_seconds
        if free_windows is None:
            self.released.set()
        self._slots = slots
        self._threads = ThreadPoolExecutor(slots)
        self._lock = threading.Lock()
        self._groups: dict[str, set[Future[Decoded]]] = {}
        self._stopped: set[str] = set()

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        with self._lock:
            waiting = sum(len(futures) for futures in self._groups.values())
            if waiting >= self.queue_limit:
                raise QueueFull("full")
            if not self._groups.get(clip.group):  # all that was cancelled has left
                self._stopped.discard(clip.group)
            self.asked += 1
            future = self._threads.submit(self._decode, clip, options)
            self._groups.setdefault(clip.group, set()).add(future)
        future.add_done_callback(lambda done: self._forget(clip.group, done))
        return future

    def cancel(self, group: str) -> None:
        """No further window of the group begins; those in the slots go on to their end."""
        with self._lock:
            futures = tuple(self._groups.get(group, ()))
            self._stopped.add(group)
        self.cancelled.append(group)
        for future in futures:
            future.cancel()

    def statistics(self) -> EngineStatistics:
        return EngineStatistics(slots=self._slots, windows_decoded=self.decoded)

    @property
    def is_idle(self) -> bool:
        """No window waits or is worked on."""
        with self._lock:
            return not any(self._groups.values())

    @contextmanager
    def released_at_the_end(self) -> Iterator[None]:
        """What waits at the gate goes on however the block is left: who waits for it can end."""
        try:
            yield
        finally:
            self.released.set()

    def close(self) -> None:
        self.released.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, group: str, future: Future[Decoded]) -> None:
        with self._lock:
            self._groups[group].discard(future)

    def _decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        if clip.group in self._stopped:
            raise CancelledError
        self._pass_the_gate(clip)
        end = time.monotonic() + self.seconds_per_window
        while (left := end - time.monotonic()) > 0:
            if clip.group in self._stopped:
                break
            time.sleep(min(left, 0.02))
        with self._lock:
            self.decoded += 1
            count = self.decoded
            self.clips.append(hashlib.sha256(clip.samples.tobytes()).digest())
            self.options.append(options)
        if (error := self.fail(count)) is not None:
            raise error
        language = options.language or "en"
        return heard_in(clip.samples, clip.seconds, language, self.words_per_window)

    def _pass_the_gate(self, clip: Clip) -> None:
        with self._lock:
            is_free = self._is_free(clip)
        give_up = time.monotonic() + self._gate_seconds
        while not is_free and clip.group not in self._stopped and time.monotonic() < give_up:
            is_free = self.released.wait(0.05)

    def _is_free(self, _clip: Clip) -> bool:
        self._free_windows -= 1
        return self._free_windows >= 0


def heard_in(
    samples: np.ndarray, seconds: float, language: str = "en", count: int = WORDS_PER_WINDOW
) -> Decoded:
    """So many words made of the hash of the samples."""
    digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
    step = seconds / count
    places = [4 * i % len(digest) for i in range(count)]
    words = tuple(
        DecodedWord(f" w{digest[at : at + 4]}", step * i, step * (i + 1), 0.5 + i % 4 / 10, (i,))
        for i, at in enumerate(places)
    )
    text = "".join(word.text for word in words)
    return Decoded(text, (), words, (), language, -0.2, 0.01, 1.2, 0.0, False, ())


def transcribe_plainly(
    source: Path,
    options: TranscriptionOptions,
    windows: WindowDecoder,
    *,
    workspace: Path,
    observer: Observer | None = None,
    reader: Reader | None = None,
) -> Transcript:
    """The pipeline for WAV files at 16 kHz: no speech detection, no overlap, no merge."""
    recordings = _read_wav(source, workspace, options.channels == "split")
    if recordings[0].duration > (reader or ThreadReader()).limits.max_seconds:
        raise AudioTooLong("The recording is too long.")
    segments: list[Segment] = []
    plans = [(recording, _plan(recording, options)) for recording in recordings]
    if observer:
        total = sum(recording.duration for recording, _ in plans)
        observer.planned(total, sum(len(plan) for _, plan in plans))
    done = 0
    for recording, plan in plans:
        groups = [plan[i : i + GROUP] for i in range(0, len(plan), GROUP)]
        waiting: list[Future[tuple[Piece, ...]]] = []
        for index in range(len(groups)):
            while len(waiting) < min(len(groups), index + IN_FLIGHT):
                waiting.append(windows.submit(recording, groups[len(waiting)], options))
            for piece in waiting[index].result():
                segments.append(_segment(piece, len(segments), recording.channel))
                done += 1
                if observer:
                    observer.decoded(done, piece.window.end)
                    observer.segments(segments[-1:])
    segments.sort(key=lambda segment: segment.start)
    return Transcript(
        language=options.decoding.language or "en",
        duration=recordings[0].duration,
        segments=tuple(segments),
        coverage=Coverage(recordings[0].duration, 0.0),
        windows=done,
        model=windows.model.name,
        task=options.decoding.task,
    )


def _read_wav(source: Path, workspace: Path, is_split: bool) -> list[Recording]:
    try:
        with wave.open(str(source)) as file:
            count = file.getnchannels()
            frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, count)
    except (wave.Error, EOFError) as error:
        raise UnsupportedMedia("This is not sound that we read.") from error
    tracks = list(frames.T) if is_split and count > 1 else [frames[:, 0]]
    recordings = []
    for number, samples in enumerate(tracks):
        path = workspace / f"{number}.pcm"
        path.write_bytes(samples.tobytes())
        digest = hashlib.sha256(samples.tobytes()).hexdigest()
        channel = number if len(tracks) > 1 else None
        recordings.append(Recording(path, len(samples), digest, channel))
    return recordings


def _plan(recording: Recording, options: TranscriptionOptions) -> Sequence[Window]:
    length = options.windows.window
    count = math.ceil(recording.duration / length)
    return [Window(i, i * length, min((i + 1) * length, recording.duration)) for i in range(count)]


def _segment(piece: Piece, number: int, channel: int | None) -> Segment:
    span = Span(piece.window.start, piece.window.end)
    text = "".join(word.text for word in piece.words)
    figures = (piece.temperature, piece.avg_logprob, piece.compression_ratio, piece.no_speech_prob)
    return Segment(
        number, span.start, span.end, text, piece.words, *figures, piece.language, channel
    )


def wav(seconds: float, *, seed: int = 0, channels: int = 1) -> bytes:
    """A WAV file of noise: every window of it differs from every other."""
    noise = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    return wav_of(noise.integers(-3000, 3000, (count, channels)).astype("<i2"))


def wav_of(samples: np.ndarray) -> bytes:
    """A WAV file of int16 samples, one channel or (n, channels)."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())
    return sound.getvalue()


def text_of(sound: bytes, window: float = 30.0) -> str:
    """What the planted engine hears in a WAV file of one channel."""
    with wave.open(io.BytesIO(sound)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    step = round(window * SAMPLE_RATE)
    cuts = [samples[i : i + step] for i in range(0, len(samples), step)]
    return "".join(heard_in(cut, len(cut) / SAMPLE_RATE).text for cut in cuts).strip()


def engine_failure(_count: int) -> Exception:
    return EngineFailed("secret of the engine")


def copy_of(folder: Path, target: Path) -> Path:
    """A copy of a data folder, as a crash would have left it: of one moment, so made anew where a
    file went while it was made."""
    for tries_left in reversed(range(20)):
        try:
            shutil.copytree(folder, target, ignore=shutil.ignore_patterns("lock"))
            break
        except shutil.Error:
            if not tries_left:
                raise
            shutil.rmtree(target)
    return target
