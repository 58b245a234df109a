"""Hugging Face transformers: sequential `generate` and the chunked pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.checkpoint_conversion import OFFICIAL_NAMES, hugging_face_folder
from benchmarks.peers.types import PeerSpec, PeerTranscript
from benchmarks.sound import read_samples
from decoding.types import FULL_SCALE, SAMPLE_RATE

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(slots=True)
class TransformersWhisper:
    """The automatic-speech-recognition pipeline; chunked when it is given a chunk length."""

    spec: PeerSpec
    recogniser: Any  # transformers' pipeline returns Any
    algorithm: Literal["sequential", "chunked"]
    dtype: str

    @property
    def settings(self) -> Mapping[str, str]:
        chunk = {"chunk_length_s": "30", "batch_size": str(self.spec.batch_size)}
        fallback = {"temperatures": str(TEMPERATURES), "condition_on_prev_tokens": "False"}
        return {
            "model": self.spec.model,
            "device": self.spec.device,
            "precision": self.dtype,
            "beam_size": str(self.spec.beam_size),
            **(chunk if self.algorithm == "chunked" else fallback),
        }

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript:
        sound = {
            "raw": read_samples(audio).astype(np.float32) / FULL_SCALE,
            "sampling_rate": SAMPLE_RATE,
        }
        generation: dict[str, Any] = {"num_beams": self.spec.beam_size}
        if self.recogniser.model.generation_config.is_multilingual:
            generation |= {"language": language, "task": "transcribe"}
        if self.algorithm == "chunked":
            found = self.recogniser(
                sound,
                chunk_length_s=30,
                batch_size=self.spec.batch_size,
                return_timestamps=True,
                generate_kwargs=generation,
            )
        else:
            generation |= {
                "temperature": TEMPERATURES,
                "compression_ratio_threshold": 1.35,
                "logprob_threshold": -1.0,
                "no_speech_threshold": 0.6,
                "condition_on_prev_tokens": False,
            }
            found = self.recogniser(sound, return_timestamps=True, generate_kwargs=generation)
        return PeerTranscript(text=found["text"].strip())

    def close(self) -> None:
        del self.recogniser


def _open(spec: PeerSpec, algorithm: Literal["sequential", "chunked"]) -> TransformersWhisper:
    import torch
    from transformers import pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    if spec.threads:
        torch.set_num_threads(spec.threads)
    name = (
        f"openai/whisper-{OFFICIAL_NAMES[spec.model]}"
        if spec.model in OFFICIAL_NAMES
        else str(hugging_face_folder(spec.model))
    )
    is_half = spec.device.startswith("cuda") and spec.precision != "fp32"
    dtype = torch.float16 if is_half else torch.float32
    recogniser = pipeline(
        "automatic-speech-recognition", model=name, device=spec.device, dtype=dtype
    )
    return TransformersWhisper(spec, recogniser, algorithm, str(dtype))


def open_sequential(spec: PeerSpec) -> TransformersWhisper:
    """One window after the other, with temperature fallback."""
    return _open(spec, "sequential")


def open_chunked(spec: PeerSpec) -> TransformersWhisper:
    """Overlapping windows in batches, without fallback."""
    return _open(spec, "chunked")
