"""Voice activity on a device: whether it hears what the CPU hears, and what it costs.

Measures the network alone and an engine on the whole recording; decodes nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.speed.systems import sound
from benchmarks.speed.types import Spread
from chunking.types import Span
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model
from decoding.voice_activity.silero_network import VoiceActivity
from transcription.audio import decode_audio
from transcription.engine_vad import EngineVad
from transcription.models import DEMO_MODEL, checkpoint_of
from transcription.options import SpeechOptions
from transcription.silero import speech_probabilities
from transcription.speech import SILERO_FRAME_SECONDS, SpeechDetector

TOLERANCE: Final = 1e-4  # of a probability
EDGE_FRAMES: Final = 2


@dataclass(frozen=True, slots=True)
class Agreement:
    """Probabilities of windows on the device against NumPy's; `ran_on` is where it ended."""

    asked: str
    ran_on: str
    frames: int
    largest_difference: float

    @property
    def holds(self) -> bool:
        return self.ran_on == self.asked and self.largest_difference <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of speech by the engine and by NumPy on the CPU; the furthest that an edge moved."""

    by_engine: int
    by_cpu: int
    furthest_edge: float | None

    @property
    def holds(self) -> bool:
        most = EDGE_FRAMES * SILERO_FRAME_SECONDS + 1e-6
        return self.furthest_edge is not None and self.furthest_edge <= most


def agreement(device: str, windows: Sequence[NDArray[np.int16]]) -> Agreement:
    """All windows at once on the device, one by one on the CPU."""
    judge = VoiceActivity(torch.device(device))
    found = judge([sound.as_float(samples) for samples in windows])
    expected = [speech_probabilities(samples) for samples in windows]
    differences = [np.abs(a - b).max() for a, b in zip(found, expected, strict=True)]
    frames = sum(len(probabilities) for probabilities in found)
    return Agreement(device, str(judge.device), frames, float(max(differences)))


def cost(device: str, batch: int, rounds: int) -> Spread:
    """Seconds that the device is kept from decoding for one of `batch` windows judged together.

    From samples on the host to probabilities on the host, so that nothing is left under way.
    """
    windows = [sound.as_float(samples) for samples in sound.windows(batch)]
    judge = VoiceActivity(torch.device(device))
    judge(windows)  # warm
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        judge(windows)
        took.append((time.perf_counter() - began) / batch)
    return Spread.of(took)


def spans(device: str) -> Spans:
    """The shipped recording through an engine of the demo model on the device."""
    engine = Engine(load_model(checkpoint_of(DEMO_MODEL), device=device), slots=1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            (recording,) = decode_audio(sound.RECORDING, Path(folder))
            vad = EngineVad(engine, group="benchmark")
            ours = SpeechDetector(SpeechOptions(), vad=vad).finish(recording).speech
            theirs = SpeechDetector(SpeechOptions()).finish(recording).speech
    finally:
        engine.close()
    return Spans(len(ours), len(theirs), _furthest(ours, theirs))


def _furthest(ours: Sequence[Span], theirs: Sequence[Span]) -> float | None:
    """None when the spans cannot be paired."""
    if len(ours) != len(theirs):
        return None
    moved = [
        max(abs(one.start - other.start), abs(one.end - other.end))
        for one, other in zip(ours, theirs, strict=True)
    ]
    return max(moved, default=0.0)
