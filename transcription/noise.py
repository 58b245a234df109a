"""Steady noise so near the level of speech that quieter speech in it cannot be told from it.

Neither detector finds such speech, so no stretch of the coverage report names it: this does, where
nobody seems to speak for a while. It changes nothing of what is heard.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chunking.spans import subtract
from chunking.types import Span
from transcription.silero import levels_of
from transcription.types import DetectedSpeech, Recording

SHORTEST = 10.0  # seconds without speech; in shorter pauses little can be missed
HEARD_SECONDS = 60.0  # of each such stretch, and of the speech: as much tells how loud it is
NEAR_DB = 20.0
STEADY_DB = 3.0  # between the quiet tenth and the middle of its frames: speech is no floor
SPEECH_PERCENTILE = 90.0


def find_masked(recording: Recording, detected: DetectedSpeech) -> tuple[tuple[Span, float], ...]:
    """(stretch, dB by which its noise lies below speech), in order."""
    silences = subtract([Span(0.0, recording.duration)], detected.anything)
    long = [silence for silence in silences if silence.duration >= SHORTEST]
    if not long or not detected.speech:
        return ()
    loud = float(np.percentile(_decibels(recording, detected.speech), SPEECH_PERCENTILE))
    return tuple(_masked(recording, long, loud))


def warnings_of(recording: Recording, detected: DetectedSpeech) -> tuple[str, ...]:
    """What whoever reads the transcript should know of it; nothing in most recordings."""
    found = find_masked(recording, detected)
    if not found:
        return ()
    first, below = found[0]
    others = f", and in {len(found) - 1} more such stretches" if len(found) > 1 else ""
    return (
        f"Noise from {first.start:.1f} to {first.end:.1f} s is only {below:.0f} dB below the "
        f"speech elsewhere{others}; quieter speech in it may have been missed.",
    )


def _masked(
    recording: Recording, silences: list[Span], loud: float
) -> Iterator[tuple[Span, float]]:
    for silence in silences:
        quiet, middle = np.percentile(_decibels(recording, (silence,)), (10, 50))
        below = loud - float(middle)
        if middle - quiet <= STEADY_DB and below < NEAR_DB:
            yield silence, below


def _decibels(recording: Recording, spans: tuple[Span, ...]) -> NDArray[np.float32]:
    """Levels of the frames of the first `HEARD_SECONDS` of these spans, relative to one step."""
    parts, missing = [], HEARD_SECONDS
    for span in spans:
        parts.append(
            levels_of(recording.read(Span(span.start, min(span.end, span.start + missing))))
        )
        missing -= span.duration
        if missing <= 0:
            break
    levels: NDArray[np.float32] = 20 * np.log10(np.maximum(np.concatenate(parts), 1.0))
    return levels
