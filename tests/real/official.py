"""Official weights and speech of people, where a machine has them.

What is missing skips a test with a sentence that says how to get it. Nothing is downloaded here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from whisper.model import Whisper

from benchmarks.sound import read_samples
from decoding.engine.engine import Engine
from decoding.model.loaded_model import LoadedModel
from decoding.types import CLIP_SAMPLES, Clip, Decoded, DecodingOptions
from transcription import model_sources
from transcription.settings import Settings

ROOT = Path(__file__).parents[2]
SPEECH_VARIABLE = "TEST_SPEECH"
SPEECH = Path(os.environ.get(SPEECH_VARIABLE) or ROOT.parent / "shared" / "audio")

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Official:
    """The same weights in our engine and in openai-whisper, both at single precision."""

    loaded: LoadedModel
    engine: Engine
    oracle: Whisper

    def decode(self, samples: Samples | NDArray[np.float32], **options) -> Decoded:
        """One window by our engine."""
        return self.engine.submit(Clip(samples), DecodingOptions(**options)).result()


def weights(name: str) -> Path:
    """Where the official model lies; skips when this machine has none."""
    settings = Settings()
    found = model_sources.find(name, settings.model_dir)
    if found is not None:
        return found
    folder = model_sources.model_folder(settings.model_dir)
    pytest.skip(
        f"NOTHING IS PROVEN WITH REAL WEIGHTS: there is no {name} in {folder}; "
        f"get it with `python -m app fetch {name}` (or point LONGFORM_MODEL_DIR at it)"
    )


def spoken(name: str) -> Path:
    """A recording of people; they are no part of this repository."""
    path = SPEECH / name
    if not path.is_file():
        pytest.skip(
            f"NOTHING IS PROVEN ON PEOPLE: there is no {name} in {SPEECH}; "
            f"{SPEECH_VARIABLE} says where such recordings lie"
        )
    return path


def window_of(name: str, start: float = 0.0) -> Samples:
    """At most 30 s of a recording of people, from `start` seconds on."""
    first = round(start * 16_000)
    return read_samples(spoken(name))[first : first + CLIP_SAMPLES].astype(np.int16, copy=False)


def as_float(samples: Samples | NDArray[np.float32]) -> NDArray[np.float32]:
    """What openai-whisper takes."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(32768)
    return samples.astype(np.float32, copy=False)
