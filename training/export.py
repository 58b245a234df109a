"""Checkpoints: from small to large vocabulary, in openai-whisper's format or in our compact one.

compact: {"format": "whisper-longform-compact-1", "dims", "model_state_dict" without the token
embedding, "token_rows" (rows, width) float16, "token_index" (51864,) int32}. The embedding is
`token_rows[token_index]`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor
from whisper.model import ModelDimensions

from decoding.loading.checkpoint import HEADS_SUFFIX
from training.network import Shape, TrainedWhisper
from training.vocabulary import Vocabulary

COMPACT_FORMAT = "whisper-longform-compact-1"
HEADS = "alignment_heads"  # (layer, head) pairs that time words, where not the usual ones
EMBEDDING = "decoder.token_embedding.weight"
PREFIX = "whisper."
UNTAUGHT_NOISE = 0.3  # of a row's spread, added where a word is new to the model


class CheckpointUnreadable(ValueError):
    """There is no checkpoint, or it is neither in openai-whisper's format nor in ours."""


def export_weights(
    weights: dict[str, Tensor], shape: Shape, vocabulary: Vocabulary
) -> dict[str, Any]:
    """A compact checkpoint of a training model's weights."""
    plain = {k.removeprefix(PREFIX): v for k, v in weights.items() if k.startswith(PREFIX)}
    rows = plain.pop(EMBEDDING)
    dimensions = shape.dimensions(len(vocabulary.rows))
    return {
        "format": COMPACT_FORMAT,
        "dims": asdict(dimensions),
        "model_state_dict": {name: value.half() for name, value in plain.items()},
        "token_rows": rows.half(),
        "token_index": vocabulary.rows.to(torch.int32),
    }


def expand(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """openai-whisper's format of a compact checkpoint; one already in it comes back as it is."""
    if "model_state_dict" not in checkpoint or "dims" not in checkpoint:
        raise CheckpointUnreadable("no Whisper checkpoint: dims or model_state_dict is missing")
    if "format" not in checkpoint:
        return checkpoint
    if checkpoint["format"] != COMPACT_FORMAT:
        raise CheckpointUnreadable(f"unknown checkpoint format {checkpoint['format']!r}")
    embedding = checkpoint["token_rows"][checkpoint["token_index"].long()]
    weights = {**checkpoint["model_state_dict"], EMBEDDING: embedding}
    heads = {HEADS: checkpoint[HEADS]} if HEADS in checkpoint else {}
    return {"dims": checkpoint["dims"], "model_state_dict": weights, **heads}


def compact(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The compact form of an openai-whisper checkpoint: equal embedding rows are kept once."""
    weights = dict(checkpoint["model_state_dict"])
    rows, index = torch.unique(weights.pop(EMBEDDING), dim=0, return_inverse=True)
    return {
        "format": COMPACT_FORMAT,
        "dims": dict(checkpoint["dims"]),
        "model_state_dict": {name: value.half() for name, value in weights.items()},
        "token_rows": rows.half(),
        "token_index": index.to(torch.int32),
    }


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The checkpoint in `path`, in openai-whisper's format, with the heads that stand beside it.

    Raises `CheckpointUnreadable`.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, LookupError, UnpicklingError) as error:
        raise CheckpointUnreadable(f"{path} cannot be read as a checkpoint: {error}") from error
    if not isinstance(loaded, dict):
        raise CheckpointUnreadable(f"{path} holds no checkpoint")
    sidecar = path.with_name(path.name + HEADS_SUFFIX)
    if HEADS not in loaded and sidecar.is_file():
        loaded[HEADS] = json.loads(sidecar.read_text(encoding="utf-8"))
    return expand(loaded)


@torch.no_grad()
def start_from(model: TrainedWhisper, checkpoint: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Take over the weights of an openai-whisper checkpoint of the same shape.

    Tokens that the checkpoint never learnt share one row there; that row becomes the junk row,
    and such tokens of our vocabulary start near it.
    """
    weights = {name: value.float() for name, value in checkpoint["model_state_dict"].items()}
    wanted = asdict(model.shape.dimensions(len(vocabulary.rows)))
    if asdict(ModelDimensions(**checkpoint["dims"])) != wanted:
        raise CheckpointUnreadable(f"the checkpoint is of another shape: {checkpoint['dims']}")
    full = weights.pop(EMBEDDING)
    rows, index, counts = torch.unique(full, dim=0, return_inverse=True, return_counts=True)
    most_frequent = int(counts.argmax())
    tokens = torch.tensor(vocabulary.tokens)
    is_new = (index[tokens] == most_frequent) & (counts[most_frequent] > 1)
    ours = full[tokens]
    noise = torch.randn(ours.shape, generator=torch.Generator().manual_seed(0))
    ours[is_new] += UNTAUGHT_NOISE * ours.std() * noise[is_new]
    missing, unexpected = model.whisper.load_state_dict(weights, strict=False)
    assert missing == [EMBEDDING]
    assert not unexpected
    model.embedding[:] = torch.cat([ours, rows[most_frequent][None]])


def as_whisper(weights: dict[str, Tensor], shape: Shape, vocabulary: Vocabulary) -> dict[str, Any]:
    """A checkpoint that `whisper.load_model` reads, of a training model's weights."""
    return expand(export_weights(weights, shape, vocabulary))
