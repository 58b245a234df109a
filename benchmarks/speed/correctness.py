"""Whether a device decodes what the CPU reference decodes: tokens, error rates, batches.

Times nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import whisper
from numpy.typing import NDArray

from benchmarks.checkpoints import full_checkpoint
from benchmarks.scoring import score
from benchmarks.speed.systems import sound
from decoding.engine import Engine
from decoding.loading import load_model
from decoding.types import Clip, Decoded, DecodingOptions
from transcription.models import checkpoint_of

Windows = Sequence[NDArray[np.int16]]
SCORE_TOLERANCE: Final = 1e-4  # of the average log probability
OPTIONS: Final = DecodingOptions(language="en", temperatures=(0.0,), word_timestamps=False)
REFERENCE: Final = sound.RECORDING.with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Equality:
    """Our tokens at fp32 against openai-whisper's `decode`, window by window."""

    windows: int
    equal: int
    largest_score_difference: float

    @property
    def holds(self) -> bool:
        return self.equal == self.windows and self.largest_score_difference <= SCORE_TOLERANCE


@dataclass(frozen=True, slots=True)
class Batches:
    """Tokens of windows decoded alone against the same windows decoded together."""

    precision: str
    windows: int
    tokens: int
    differing_tokens: int

    @property
    def rate(self) -> float:
        return self.differing_tokens / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Word error rate of the shipped recording, its windows one after the other."""

    precision: str
    errors: int
    reference_words: int

    @property
    def rate(self) -> float:
        return self.errors / self.reference_words


def decode(model: str, device: str, precision: str, windows: Windows, slots: int) -> list[Decoded]:
    """The windows by our engine, `slots` of them at once."""
    loaded = load_model(checkpoint_of(model), device=device, precision=precision)
    engine = Engine(loaded, slots=slots)
    try:
        futures = [engine.submit(Clip(samples), OPTIONS) for samples in windows]
        return [future.result() for future in futures]
    finally:
        engine.close()


def equality(model: str, device: str, count: int) -> Equality:
    """fp32 on `device` against openai-whisper on the same device."""
    windows = sound.windows(count)
    ours = decode(model, device, "fp32", windows, slots=min(count, 8))
    reference = whisper.load_model(str(full_checkpoint(model)), device=device)
    options = whisper.DecodingOptions(language="en", beam_size=5, fp16=False)
    equal, largest = 0, 0.0
    for samples, mine in zip(windows, ours, strict=True):
        mel = whisper.log_mel_spectrogram(
            sound.as_float(samples), reference.dims.n_mels, device=device
        )
        theirs = whisper.decode(reference, mel, options)
        equal += tuple(theirs.tokens) == mine.tokens
        largest = max(largest, abs(theirs.avg_logprob - mine.avg_logprob))
    return Equality(count, equal, largest)


def batches(model: str, device: str, precision: str, count: int) -> Batches:
    """Alone against together."""
    windows = sound.windows(count)
    alone = decode(model, device, precision, windows, slots=1)
    together = decode(model, device, precision, windows, slots=count)
    differing = sum(
        sum(a != b for a, b in zip(one.tokens, other.tokens, strict=False))
        + abs(len(one.tokens) - len(other.tokens))
        for one, other in zip(alone, together, strict=True)
    )
    return Batches(precision, count, sum(len(one.tokens) for one in alone), differing)


def error_rate(model: str, device: str, precision: str, count: int | None = None) -> ErrorRate:
    """Against the shipped reference; windows that do not overlap cut words at every precision.

    `count`: only the first windows; what comes after them then counts as deleted.
    """
    windows = sound.stretches()[:count]
    heard = " ".join(one.text for one in decode(model, device, precision, windows, slots=8))
    spoken = str(json.loads(REFERENCE.read_text(encoding="utf-8"))["text"])
    counts = score(spoken, heard).words
    return ErrorRate(precision, counts.errors, counts.reference_length)


def to_json(found: Equality | Batches | ErrorRate) -> dict[str, Any]:
    return asdict(found)
