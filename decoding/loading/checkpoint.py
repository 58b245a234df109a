"""Checkpoint files of every kind we read, brought to openai-whisper's names.

Reads `.pt` files with `weights_only`; nothing in a file is ever run.
"""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from decoding.errors import ModelUnreadable
from decoding.model.dimensions import Dimensions, Head

COMPACT_FORMAT = "whisper-longform-compact-1"
HEADS_SUFFIX = ".heads.json"  # beside a checkpoint: [[layer, head], ...]

# What PyTorch's unpickler raises for bytes that are no checkpoint: it takes them for instructions.
UNREADABLE = (
    OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError,
    ArithmeticError, MemoryError, struct.error, pickle.UnpicklingError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Weights under openai-whisper's names, with `decoder.token_index` where rows are shared."""

    dimensions: Dimensions
    state: dict[str, Tensor]
    alignment_heads: tuple[Head, ...] | None = None


def read_openai(path: Path) -> Checkpoint:
    """A `.pt` file of openai-whisper, or ours with shared embedding rows."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise ModelUnreadable(f"{path.name} is not a checkpoint that PyTorch can read") from error
    if not isinstance(content, dict) or not {"dims", "model_state_dict"} <= content.keys():
        raise ModelUnreadable(f"{path.name} holds no Whisper model: it lacks dims or weights")
    state = _tensors(content["model_state_dict"], path.name)
    if content.get("format") == COMPACT_FORMAT:
        rows, index = content.get("token_rows"), content.get("token_index")
        if not isinstance(rows, Tensor) or not isinstance(index, Tensor):
            raise ModelUnreadable(f"{path.name} lacks the rows of its token embedding")
        state["decoder.token_embedding.weight"] = rows
        state["decoder.token_index"] = index
    dimensions = read_dimensions(content["dims"], path.name)
    heads = content.get("alignment_heads")
    if heads is None:
        heads = _sidecar(path.with_name(path.name + HEADS_SUFFIX))
    return checked(
        Checkpoint(dimensions, state, read_heads(heads, dimensions, path.name)), path.name
    )


def _tensors(values: Any, name: str) -> dict[str, Tensor]:
    if not isinstance(values, Mapping) or not all(isinstance(v, Tensor) for v in values.values()):
        raise ModelUnreadable(f"{name} holds no table of weights")
    return dict(values)


def read_dimensions(values: Any, name: str) -> Dimensions:
    """Dimensions from a checkpoint's table; anything but ten positive integers is refused."""
    try:
        dimensions = Dimensions(**values)
    except TypeError as error:
        raise ModelUnreadable(f"{name} does not give a Whisper model's dimensions") from error
    numbers = [getattr(dimensions, field) for field in Dimensions.__slots__]
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ModelUnreadable(f"{name} gives dimensions that are not positive numbers")
    if dimensions.n_mels not in (80, 128):
        raise ModelUnreadable(f"{name} wants {dimensions.n_mels} mel bands; Whisper has 80 or 128")
    for width, heads in (
        (dimensions.n_audio_state, dimensions.n_audio_head),
        (dimensions.n_text_state, dimensions.n_text_head),
    ):
        if width % heads:
            raise ModelUnreadable(f"{name} gives {heads} heads for a width of {width}")
    return dimensions


def read_heads(values: Any, dimensions: Dimensions, name: str) -> tuple[Head, ...] | None:
    """(layer, head) pairs, or None when none are given."""
    if values is None:
        return None
    if isinstance(values, Tensor):
        values = values.tolist()
    try:
        heads = tuple((int(layer), int(head)) for layer, head in values)
    except (TypeError, ValueError) as error:
        raise ModelUnreadable(f"the alignment heads of {name} are not pairs of numbers") from error
    layers, width = dimensions.n_text_layer, dimensions.n_text_head
    if not heads or not all(0 <= layer < layers and 0 <= head < width for layer, head in heads):
        raise ModelUnreadable(f"the alignment heads of {name} are not heads of that model")
    return heads


def default_heads(dimensions: Dimensions) -> tuple[Head, ...]:
    """Every head of the upper half of the layers, as openai-whisper assumes."""
    layers = range(dimensions.n_text_layer // 2, dimensions.n_text_layer)
    return tuple((layer, head) for layer in layers for head in range(dimensions.n_text_head))


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnreadable(f"{path.name} cannot be read as JSON") from error


def read_table(path: Path) -> Mapping[str, Any]:
    """A JSON file that holds a table."""
    values = read_json(path)
    if not isinstance(values, Mapping):
        raise ModelUnreadable(f"{path.name} holds no table")
    return values


def _sidecar(path: Path) -> Any:
    return read_json(path) if path.is_file() else None


def checked(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """The checkpoint, after every weight that the modules will ask for was found in its shape."""
    state = checkpoint.state
    wanted = dict(expected_shapes(checkpoint.dimensions))
    index = state.get("decoder.token_index")
    if index is not None:
        rows = state["decoder.token_embedding.weight"]
        wanted["decoder.token_embedding.weight"] = (len(rows), checkpoint.dimensions.n_text_state)
        wanted["decoder.token_index"] = (checkpoint.dimensions.n_vocab,)
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(rows):
            raise ModelUnreadable(f"the token index of {name} points outside its rows")
    for key, shape in wanted.items():
        if key not in state:
            raise ModelUnreadable(f"{name} lacks the weight {key}")
        if tuple(state[key].shape) != shape:
            found = tuple(state[key].shape)
            raise ModelUnreadable(f"the weight {key} of {name} has shape {found}, expected {shape}")
    return checkpoint


def expected_shapes(dims: Dimensions) -> Iterable[tuple[str, tuple[int, ...]]]:
    """Every weight of a model of these dimensions and its shape."""
    audio, text = dims.n_audio_state, dims.n_text_state
    yield "encoder.conv1.weight", (audio, dims.n_mels, 3)
    yield "encoder.conv1.bias", (audio,)
    yield "encoder.conv2.weight", (audio, audio, 3)
    yield "encoder.conv2.bias", (audio,)
    yield "encoder.positional_embedding", (dims.n_audio_ctx, audio)
    for layer in range(dims.n_audio_layer):
        yield from _block(f"encoder.blocks.{layer}", audio, audio, ("attn",))
    yield from _norm("encoder.ln_post", audio)
    yield "decoder.token_embedding.weight", (dims.n_vocab, text)
    yield "decoder.positional_embedding", (dims.n_text_ctx, text)
    for layer in range(dims.n_text_layer):
        yield from _block(f"decoder.blocks.{layer}", text, audio, ("attn", "cross_attn"))
    yield from _norm("decoder.ln", text)


def _block(
    name: str, size: int, audio: int, attentions: tuple[str, ...]
) -> Iterable[tuple[str, tuple[int, ...]]]:
    for attention in attentions:
        source = audio if attention == "cross_attn" else size
        yield f"{name}.{attention}.query.weight", (size, size)
        yield f"{name}.{attention}.query.bias", (size,)
        yield f"{name}.{attention}.key.weight", (size, source)
        yield f"{name}.{attention}.value.weight", (size, source)
        yield f"{name}.{attention}.value.bias", (size,)
        yield f"{name}.{attention}.out.weight", (size, size)
        yield f"{name}.{attention}.out.bias", (size,)
        yield from _norm(f"{name}.{attention}_ln", size)
    yield f"{name}.mlp.0.weight", (4 * size, size)
    yield f"{name}.mlp.0.bias", (4 * size,)
    yield f"{name}.mlp.2.weight", (size, 4 * size)
    yield f"{name}.mlp.2.bias", (size,)
    yield from _norm(f"{name}.mlp_ln", size)


def _norm(name: str, size: int) -> Iterable[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (size,)
    yield f"{name}.bias", (size,)
