"""A pipeline for sound that is only claimed: its upload says how many seconds it lasts.

The samples are zeros in a file that takes no room, all of it is called speech; what comes behind
(windows, merging, segments, progress, the transcript) is the real one. Hours cost seconds so.
"""

from __future__ import annotations

from pathlib import Path

from chunking.types import Span
from decoding.types import SAMPLE_RATE
from transcription.ingest import whole_track
from transcription.options import TranscriptionOptions
from transcription.pipeline import transcribe_track
from transcription.progress import Progress
from transcription.reader import Reader
from transcription.types import (
    BYTES_PER_SAMPLE,
    DetectedSpeech,
    Observer,
    Recording,
    Transcript,
    WindowDecoder,
)


def transcribe_claimed(
    source: Path,
    options: TranscriptionOptions,
    windows: WindowDecoder,
    *,
    workspace: Path,
    observer: Observer | None = None,
    reader: Reader | None = None,
) -> Transcript:
    samples = int(source.read_text()) * SAMPLE_RATE
    path = workspace / "claimed.pcm"
    with path.open("wb") as file:
        file.truncate(samples * BYTES_PER_SAMPLE)
    recording = Recording(path, samples, f"zeros {samples}")
    everything = (Span(0.0, recording.duration),)
    track = whole_track(recording, DetectedSpeech(everything, everything))
    return transcribe_track(track, options, windows, Progress(observer))
