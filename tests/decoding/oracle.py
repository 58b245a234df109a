"""openai-whisper as the oracle: the same weights in its model, its decode for one window."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import whisper
from whisper.audio import HOP_LENGTH
from whisper.model import ModelDimensions, Whisper
from whisper.timing import add_word_timestamps
from whisper.tokenizer import Tokenizer

import transcription
from decoding.loading.checkpoint import Checkpoint, read_openai
from decoding.timing.words import TimedTokens

DEMO = Path(transcription.__file__).parent / "assets" / "demo.pt"


def openai_model(checkpoint: Checkpoint) -> Whisper:
    """openai-whisper's model with the checkpoint's weights and heads, in single precision."""
    state = {name: value.float() for name, value in checkpoint.state.items()}
    index = state.pop("decoder.token_index", None)
    if index is not None:
        rows = state["decoder.token_embedding.weight"]
        state["decoder.token_embedding.weight"] = rows[index.long()]
    model = Whisper(ModelDimensions(**dataclasses.asdict(checkpoint.dimensions)))
    model.load_state_dict(state)
    if checkpoint.alignment_heads is not None:
        heads = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
        for layer, head in checkpoint.alignment_heads:
            heads[layer, head] = True
        model.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
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


def openai_words(
    model: Whisper, tokenizer: Tokenizer, samples: np.ndarray, found: Sequence[TimedTokens]
) -> list[dict]:
    """Words with times by openai-whisper's own function, of text that was cut at timestamps."""
    segments = [
        {"seek": 0, "start": one.start, "end": one.end, "tokens": list(one.tokens)} for one in found
    ]
    add_word_timestamps(
        segments=segments,
        model=model,
        tokenizer=tokenizer,
        mel=openai_mel(samples, model.dims.n_mels),
        num_frames=len(samples) // HOP_LENGTH,
        last_speech_timestamp=0.0,
    )
    return [word for segment in segments for word in segment["words"]]
