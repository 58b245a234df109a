"""Sound onto disk and both detectors over it, while windows of it are decoded already.

A `reader` writes what ffmpeg gives and searches it for speech, and whoever decodes windows is told
of it in steps: a `Track` for each channel. The steps depend on the sound alone, never on who was
faster.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from transcription.audio_cache import find_cached, keep_cached, key_of
from transcription.options import TranscriptionOptions
from transcription.reader import ChannelRead, Reader
from transcription.silero import speech_probabilities
from transcription.speech import STRETCH_SECONDS, SpeechFrames, complete_stretches
from transcription.types import (
    DetectedSpeech,
    IngestedAudio,
    Recording,
    VoiceActivityDetector,
)

MOST_STRETCHES = 8  # that a step adds; the first steps are smaller, so that text comes early
LONGEST_WAIT = 0.5  # seconds before whoever waits is asked whether to go on

Found = tuple[Recording, DetectedSpeech]
T = TypeVar("T")


class _Stopped(Exception):
    """Nobody waits for the sound any more."""


class Track:
    """One channel of a recording as far as `read_on` has told. One thread.

    `recording` and what was `detected` in its first `seconds`, by either detector `anything`; the
    last spans may still change unless it `is_whole`. `when_read` is called after each step.
    """

    def __init__(self, channel: int | None, find: Callable[[int], Found]) -> None:
        """`find` gives what is known with so many stretches, or with all where there are fewer."""
        self.channel = channel
        self.is_whole = False
        self.when_read: Callable[[], None] = lambda: None
        self._find = find
        self._stretches = 0

    def read_on(self) -> None:
        """Wait for one step more; steps of 1, 1, 2, 4 and then 8 stretches of four minutes."""
        self._stretches += min(max(self._stretches, 1), MOST_STRETCHES)
        self.recording, detected = self._find(self._stretches)
        self.is_whole = complete_stretches(self.recording.duration) < self._stretches
        told = self._stretches * STRETCH_SECONDS
        self.seconds = self.recording.duration if self.is_whole else told
        self.detected = detected if self.is_whole else detected.before(told)
        self.anything = self.detected.anything
        self.when_read()


def whole_track(recording: Recording, detected: DetectedSpeech) -> Track:
    """A track of a recording that was read before."""
    return Track(recording.channel, lambda _stretches: (recording, detected))


class Ingest:
    """Reads a file while it is open: a context manager, left by its end or by an error.

    Every method waits for the reading thread, and tells `ingested` meanwhile how far that is. It
    raises what `ingested` raises, what ended the reading (transcription/errors.py), and what `vad`
    raises, which runs Silero's model. What was not read to its end leaves no file behind.
    """

    def __init__(
        self,
        source: Path,
        workspace: Path,
        options: TranscriptionOptions,
        reader: Reader,
        ingested: Callable[[float], None] = lambda _seconds: None,
        vad: VoiceActivityDetector = speech_probabilities,
    ) -> None:
        self._source = source
        self._workspace = workspace
        self._options = options
        self._reader = reader
        self._ingested = ingested
        self._vad = vad
        self._changed = threading.Condition()
        self._seconds = 0.0
        self._so_far: tuple[Recording, ...] = ()
        self._frames: tuple[SpeechFrames, ...] = ()
        self._whole: IngestedAudio | None = None
        self._error: BaseException | None = None
        self._is_stopped = False
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._read,), name="ingest")

    def __enter__(self) -> Ingest:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_stopped = True
        self._thread.join()

    def tracks(self) -> tuple[Track, ...]:
        """One for each channel that is heard by itself, of which nothing is told yet."""
        begun = self._wait(self._begun)
        return tuple(
            Track(recording.channel, self._finder(number)) for number, recording in enumerate(begun)
        )

    def whole(self) -> IngestedAudio:
        """All of it."""
        return self._wait(lambda: self._whole)

    def _begun(self) -> tuple[Recording, ...]:
        whole = self._whole
        return tuple(recording for recording, _ in whole.channels) if whole else self._so_far

    def _finder(self, channel: int) -> Callable[[int], Found]:
        def known(stretches: int) -> Found | None:
            if self._whole is not None:
                return self._whole.channels[channel]
            recording, frames = self._so_far[channel], self._frames[channel]
            seconds = stretches * STRETCH_SECONDS
            return (recording, frames.detected(seconds)) if frames.settled >= seconds else None

        return lambda stretches: self._wait(lambda: known(stretches))

    def _wait(self, find: Callable[[], T | None]) -> T:
        """What `find` finds, as soon as it finds something."""
        while True:
            with self._changed:
                if self._error is not None:
                    raise self._error
                found = find()
                if not found:
                    self._changed.wait(LONGEST_WAIT)
                seconds = self._seconds
            self._ingested(seconds)
            if found:
                return found

    def _read(self) -> None:
        """The reading thread."""
        try:
            key = key_of(self._source, self._options, self._reader.limits)
            whole = find_cached(self._workspace, key)
            if whole is None:
                whole = self._listen()
                keep_cached(self._workspace, key, whole)
            with self._changed:
                self._seconds = max(recording.duration for recording, _ in whole.channels)
                self._whole = whole
                self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _listen(self) -> IngestedAudio:
        asked = (self._source, self._workspace, self._options, self._vad)
        with closing(self._reader.read(*asked)) as reading:
            for read in reading:
                if isinstance(read, IngestedAudio):
                    return read
                self._tell(read)
                if self._is_stopped:
                    raise _Stopped
        raise AssertionError("a reading ends with the whole")

    def _tell(self, read: tuple[ChannelRead, ...]) -> None:
        with self._changed:
            self._frames = self._frames or tuple(SpeechFrames(self._options.speech) for _ in read)
            for channel, frames in zip(read, self._frames, strict=True):
                frames.add(channel.found)
            self._so_far = tuple(channel.recording for channel in read)
            self._seconds = max(recording.duration for recording in self._so_far)
            self._changed.notify_all()


def ingest(
    source: Path,
    workspace: Path,
    options: TranscriptionOptions,
    reader: Reader,
    ingested: Callable[[float], None] = lambda _seconds: None,
    vad: VoiceActivityDetector = speech_probabilities,
) -> IngestedAudio:
    """Decode all of `source` into `workspace` and find its speech; as `Ingest`.

    At once if an earlier call did so there.
    """
    with Ingest(source, workspace, options, reader, ingested, vad) as sound:
        return sound.whole()
