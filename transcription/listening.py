"""Sound onto disk and both detectors over it, at the same time.

ffmpeg decodes in its own process while the stretches that are complete are listened to here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transcription.audio import AudioLimits, AudioStream
from transcription.options import TranscriptionOptions
from transcription.speech import SpeechListener
from transcription.types import Heard, Recording


@dataclass(frozen=True, slots=True)
class Sound:
    """A decoded file: each channel with what the detectors say of it, and what was odd."""

    channels: tuple[tuple[Recording, Heard], ...]
    warnings: tuple[str, ...]


def listen(
    source: Path, workspace: Path, options: TranscriptionOptions, limits: AudioLimits
) -> Sound:
    """Decode `source` into `workspace` and find its speech; raises transcription/errors.py."""
    with AudioStream(source, workspace, limits=limits, channels=options.channels) as stream:
        listeners = [SpeechListener(options.speech) for _ in stream.so_far]
        for _ in stream:
            for listener, recording in zip(listeners, stream.so_far, strict=True):
                listener.advance(recording)
        recordings, warnings = stream.recordings, stream.warnings
    pairs = zip(recordings, listeners, strict=True)
    return Sound(
        tuple((recording, listener.finish(recording)) for recording, listener in pairs), warnings
    )
