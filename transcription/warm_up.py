"""A few seconds of known sound through the whole river, so that the first recording is as quick
as the second.

What is heard proves nothing and is thrown away: decoding/self_test.py judges the engine.
"""

from __future__ import annotations

import wave
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from decoding.self_test import known_sound
from decoding.types import FULL_SCALE, SAMPLE_RATE, Decoder, DecodingOptions
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.window_decoder import EngineWindowDecoder

GROUP = "warm-up"
SECONDS = 3
FEW_TOKENS = 32


def warm_up(decoder: Decoder) -> None:
    """Transcribe known sound, once and briefly. Raises what the pipeline and the engine raise."""
    options = TranscriptionOptions(
        decoding=DecodingOptions(temperatures=(0.0,), sample_len=FEW_TOKENS),
        speech=SpeechOptions(skip_silence=False),
    )
    with TemporaryDirectory(prefix="longform-warm-up-") as folder:
        source, workspace = Path(folder) / "known.wav", Path(folder) / "workspace"
        workspace.mkdir()
        _write(source)
        windows = EngineWindowDecoder(decoder, group=GROUP)
        transcribe(source, options, windows, workspace=workspace)


def _write(path: Path) -> None:
    samples = np.tile(known_sound(), SECONDS) * (FULL_SCALE - 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.astype("<i2").tobytes())
