"""openai-whisper as the oracle: the same weights in its model, its decode for one window."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import whisper
from whisper.model import ModelDimensions, Whisper

import transcription
from decoding.checkpoints import Checkpoint, read_openai

DEMO = Path(transcription.__file__).parent / "assets" / "demo.pt"


def openai_model(checkpoint: Checkpoint) -> Whisper:
    """openai-whisper's model with the checkpoint's weights, in single precision."""
    state = {name: value.float() for name, value in checkpoint.state.items()}
    index = state.pop("decoder.token_index", None)
    if index is not None:
        rows = state["decoder.token_embedding.weight"]
        state["decoder.token_embedding.weight"] = rows[index.long()]
    model = Whisper(ModelDimensions(**dataclasses.asdict(checkpoint.dimensions)))
    model.load_state_dict(state)
    return model.eval()


@lru_cache(maxsize=1)
def demo_oracle() -> Whisper:
    return openai_model(read_openai(DEMO))


def openai_mel(samples: np.ndarray, n_mels: int = 80) -> torch.Tensor:
    padded = whisper.pad_or_trim(torch.from_numpy(samples))
    return whisper.log_mel_spectrogram(padded, n_mels)


def openai_decode(model: Whisper, samples: np.ndarray, **options) -> whisper.DecodingResult:
    options = {"language": "en", "beam_size": 5, "fp16": False, **options}
    mel = openai_mel(samples, model.dims.n_mels)
    return whisper.decode(model, mel, whisper.DecodingOptions(**options))
