"""A file read to its end: its sound onto disk, and both detectors over it.

A generator, so that whoever waits for the sound learns of it block by block, and may leave. It runs
in the thread that iterates it, or in a process of its own (`transcription.reader_process`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Protocol

from transcription import noise
from transcription.audio import AudioLimits, AudioStream
from transcription.options import TranscriptionOptions
from transcription.speech import SpeechDetector, StretchFrames
from transcription.types import (
    DetectedSpeech,
    IngestedAudio,
    Recording,
    VoiceActivityDetector,
)


@dataclass(frozen=True, slots=True)
class ChannelRead:
    """One channel after a block more: its sound so far, and what was found since the last block."""

    recording: Recording
    found: tuple[StretchFrames, ...]


# One for each channel that is heard by itself, after each block; at the end the whole.
Reading = Generator[tuple[ChannelRead, ...] | IngestedAudio]


class Reader(Protocol):
    """Reads files of which each is within `limits`."""

    @property
    def limits(self) -> AudioLimits: ...

    def read(
        self,
        source: Path,
        workspace: Path,
        options: TranscriptionOptions,
        vad: VoiceActivityDetector,
    ) -> Reading:
        """Decode `source` into `workspace`, and search it for speech, while it is iterated.

        Iterate and close it in one thread. Raises the errors of transcription/errors.py, and what
        `vad` raises. What is not read to its end leaves no file behind.
        """
        ...


@dataclass(frozen=True, slots=True)
class ThreadReader:
    """A `Reader` in the thread that iterates."""

    limits: AudioLimits = field(default_factory=AudioLimits)

    def read(
        self,
        source: Path,
        workspace: Path,
        options: TranscriptionOptions,
        vad: VoiceActivityDetector,
    ) -> Reading:
        chosen = AudioStream(
            source,
            workspace,
            limits=self.limits,
            channels=options.channels,
            audio_track=options.audio_track,
        )
        with chosen as stream:
            whole = yield from _searched(stream, options, vad)
        yield whole


def _searched(
    stream: AudioStream, options: TranscriptionOptions, vad: VoiceActivityDetector
) -> Generator[tuple[ChannelRead, ...], None, IngestedAudio]:
    with ExitStack() as closed:
        detectors = [SpeechDetector(options.speech, vad=vad) for _ in stream.so_far]
        for detector in detectors:
            closed.callback(detector.close)
        for _ in stream:
            yield _advanced(stream.so_far, detectors)
        while any(detector.is_busy for detector in detectors):
            yield _advanced(stream.recordings, detectors, wait=True)
        pairs = zip(stream.recordings, detectors, strict=True)
        detected = tuple((recording, detector.finish(recording)) for recording, detector in pairs)
    masked = tuple(chain.from_iterable(noise.warnings_of(*one) for one in detected))
    return IngestedAudio(detected, (*stream.warnings, *masked, *_same_sound(detected)))


def _same_sound(channels: Sequence[tuple[Recording, DetectedSpeech]]) -> Iterator[str]:
    """A sentence about channels that are the same to the sample, if there is anything in them."""
    groups: dict[str, list[str]] = {}
    for number, (recording, detected) in enumerate(channels, start=1):
        if detected.anything:
            groups.setdefault(recording.digest, []).append(str(number))
    for *others, last in groups.values():
        if others:
            yield (
                f"Channels {', '.join(others)} and {last} hold the same sound: what is said in it "
                "is written for each of them. With channels=mix it is written once."
            )


def _advanced(
    recordings: Sequence[Recording], detectors: Sequence[SpeechDetector], *, wait: bool = False
) -> tuple[ChannelRead, ...]:
    return tuple(
        ChannelRead(recording, detector.advance(recording, wait=wait))
        for recording, detector in zip(recordings, detectors, strict=True)
    )
