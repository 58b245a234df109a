"""Whisper models with random weights, small enough for fast tests, that end and use timestamps."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from pathlib import Path

import torch
from whisper.model import ModelDimensions, Whisper

from decoding.loading.checkpoint import Checkpoint
from decoding.model.dimensions import Dimensions

MULTILINGUAL, ENGLISH = 51_865, 51_864


def dimensions(n_vocab: int = MULTILINGUAL, n_text_ctx: int = 64, width: int = 64) -> Dimensions:
    heads = width // 64
    return Dimensions(80, 1500, width, heads, 1, n_vocab, n_text_ctx, width, heads, 2)


def untrained(dims: Dimensions | ModelDimensions) -> Whisper:
    """openai-whisper's model as it is made, with the text positions that it leaves unset at 0."""
    model = Whisper(ModelDimensions(**dataclasses.asdict(dims)))
    torch.nn.init.zeros_(model.decoder.positional_embedding)
    return model


@lru_cache(maxsize=4)
def random_model(seed: int = 0, n_vocab: int = MULTILINGUAL, width: int = 64) -> Whisper:
    """openai-whisper's model whose samples contain text, timestamps and end-of-text."""
    torch.manual_seed(seed)
    dims = dimensions(n_vocab, width=width)
    model = Whisper(ModelDimensions(**dataclasses.asdict(dims)))
    eot = n_vocab - 1608
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("positional_embedding"):
                weight.copy_(torch.randn_like(weight) * 0.6)
            elif "embedding" in name:
                weight.copy_(torch.randn_like(weight) * 0.25)
            elif name.endswith("cross_attn.query.weight"):
                weight.mul_(4.0)
        direction = torch.randn(width)
        direction /= direction.norm()
        model.decoder.ln.bias += 2 * direction
        embedding = model.decoder.token_embedding.weight
        embedding[eot] += 2.2 * direction
        embedding[eot + 107 :] += 1.0 * direction
    return model.eval()


def checkpoint_of(model: Whisper) -> Checkpoint:
    dims = Dimensions(**dataclasses.asdict(model.dims))
    return Checkpoint(dims, {name: value.clone() for name, value in model.state_dict().items()})


def save(model: Whisper, path: Path) -> Path:
    """Write the model as openai-whisper writes its checkpoints."""
    content = {"dims": dataclasses.asdict(model.dims), "model_state_dict": model.state_dict()}
    torch.save(content, path)
    return path
