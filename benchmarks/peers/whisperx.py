"""WhisperX, if it is installed: voice activity, cut and merge, batches. Without its aligner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.faster_whisper import COMPUTE_TYPES
from benchmarks.peers.types import PeerSpec, PeerTranscript
from benchmarks.sound import read_samples
from decoding.types import FULL_SCALE


@dataclass(slots=True)
class WhisperX:
    """A loaded WhisperX pipeline."""

    spec: PeerSpec
    recogniser: Any  # whisperx has no types

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "model": self.spec.model,
            "device": self.spec.device,
            "precision": self.spec.precision,
            "beam_size": str(self.spec.beam_size),
            "batch_size": str(self.spec.batch_size),
        }

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript:
        samples = read_samples(audio).astype(np.float32) / FULL_SCALE
        found = self.recogniser.transcribe(
            samples, batch_size=self.spec.batch_size, language=language
        )
        return PeerTranscript(text=" ".join(s["text"].strip() for s in found["segments"]))

    def close(self) -> None:
        del self.recogniser


def open_whisperx(spec: PeerSpec) -> WhisperX:
    """Loads the model with WhisperX's defaults but for the beam."""
    import whisperx

    device, _, index = spec.device.partition(":")
    compute_type = COMPUTE_TYPES.get(spec.precision, spec.precision)
    return WhisperX(
        spec,
        whisperx.load_model(
            spec.model,
            device,
            device_index=int(index or 0),
            compute_type=compute_type,
            asr_options={"beam_size": spec.beam_size},
            download_root=spec.model_dir,
        ),
    )
