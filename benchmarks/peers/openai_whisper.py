"""openai-whisper's own `transcribe`, with the options of its command line (beam 5, fallback)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.checkpoint_conversion import OFFICIAL_NAMES, full_checkpoint, heads_of
from benchmarks.formats.types import TimedWord
from benchmarks.peers.types import PeerSpec, PeerTranscript
from benchmarks.sound import read_samples
from decoding.types import FULL_SCALE

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(slots=True)
class OpenAiWhisper:
    """A loaded reference model. Times of words cost an extra pass, as in our own pipeline."""

    spec: PeerSpec
    model: Any  # whisper.model.Whisper has no types

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "model": self.spec.model,
            "device": str(self.model.device),
            "precision": self._precision,
            "beam_size": str(self.spec.beam_size),
            "temperatures": str(TEMPERATURES),
            "condition_on_previous_text": str(self.spec.previous_text),
            "word_timestamps": "True",
        }

    @property
    def _precision(self) -> str:
        return "fp16" if self._is_half else "fp32"

    @property
    def _is_half(self) -> bool:
        return self.model.device.type == "cuda" and self.spec.precision != "fp32"

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript:
        # read by our hardened decoder: its own calls a system ffmpeg that may not be there
        samples = read_samples(audio).astype(np.float32) / FULL_SCALE
        result = self.model.transcribe(
            samples,
            language=language,
            beam_size=self.spec.beam_size if self.spec.beam_size > 1 else None,
            best_of=5,
            temperature=TEMPERATURES,
            condition_on_previous_text=self.spec.previous_text,
            word_timestamps=True,
            fp16=self._is_half,
        )
        words = [w for segment in result["segments"] for w in segment.get("words", ())]
        return PeerTranscript(
            text=result["text"].strip(),
            words=tuple(TimedWord(w["word"].strip(), w["start"], w["end"]) for w in words),
            language=result.get("language"),
        )

    def close(self) -> None:
        del self.model


def open_openai_whisper(spec: PeerSpec) -> OpenAiWhisper:
    """Loads an official name, or builds the library's model from a checkpoint that we read."""
    import torch
    import whisper

    if spec.threads:
        torch.set_num_threads(spec.threads)
    name = full_checkpoint(spec.model)
    model = whisper.load_model(str(name), device=spec.device, download_root=spec.model_dir)
    if spec.model not in OFFICIAL_NAMES:
        set_heads(model, heads_of(spec.model))
    return OpenAiWhisper(spec, model)


def set_heads(model: Any, heads: Sequence[tuple[int, int]] | None) -> None:
    """Times words by these (layer, head) pairs: a file's name does not tell the library which."""
    import torch

    if heads is None:
        return
    mask = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
    for layer, head in heads:
        mask[layer, head] = True
    sparse = mask.to_sparse().to(model.device)
    model.register_buffer("alignment_heads", sparse, persistent=False)
