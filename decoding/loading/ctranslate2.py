"""Whisper directories of CTranslate2 and faster-whisper, brought to openai-whisper's names.

Weights of 8 and 16 bits are made float: the engine multiplies in a precision of its own choice.
Of config.json only the alignment heads are taken. Its `suppress_ids`, `suppress_ids_begin` and
`lang_ids` are left: the engine suppresses what openai-whisper suppresses, the same tokens in every
official model, and knows the languages from the size of the vocabulary.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import torch
from torch import Tensor
from whisper.model import sinusoids

from decoding.errors import ModelUnreadable
from decoding.loading.checkpoint import Checkpoint, checked, read_dimensions, read_heads, read_table
from decoding.loading.ctranslate2_file import Index, Variable, damaged, read_index, read_variable
from decoding.model.dimensions import Dimensions

logger = logging.getLogger(__name__)

CONTAINER = "model.bin"
SPEC = "WhisperSpec"
REVISIONS = (1, 2, 3)  # of one layout: what changed is in config.json and in their own settings
HEAD_WIDTH = 64
SOUND_FRAMES = 1500
TOKENS = "decoder/embeddings/weight"
PROJECTION = "decoder/projection/weight"
TEXT_POSITIONS = "decoder/position_encodings/encodings"
SOUND_POSITIONS = "encoder/position_encodings/encodings"


@dataclass(frozen=True, slots=True)
class Block:
    """Parts of a layer: openai-whisper's name, theirs, and the layers that are one matrix there."""

    norms: tuple[tuple[str, str], ...]
    linears: tuple[tuple[str, str], ...]
    fused: tuple[tuple[str, str, tuple[str, ...]], ...]


CONVOLUTIONS = (("encoder.conv1", "encoder/conv1"), ("encoder.conv2", "encoder/conv2"))
LAST_NORMS = (("encoder.ln_post", "encoder/layer_norm"), ("decoder.ln", "decoder/layer_norm"))
BLOCK = Block(
    norms=(("attn_ln", "self_attention/layer_norm"), ("mlp_ln", "ffn/layer_norm")),
    linears=(
        ("attn.out", "self_attention/linear_1"),
        ("mlp.0", "ffn/linear_0"),
        ("mlp.2", "ffn/linear_1"),
    ),
    fused=(("attn", "self_attention/linear_0", ("query", "key", "value")),),
)
CROSS_ATTENTION = Block(
    norms=(("cross_attn_ln", "attention/layer_norm"),),
    linears=(
        ("cross_attn.query", "attention/linear_0"),
        ("cross_attn.out", "attention/linear_2"),
    ),
    fused=(("cross_attn", "attention/linear_1", ("key", "value")),),
)


def read_ctranslate2(folder: Path) -> Checkpoint:
    """A model directory: model.bin and, for the alignment heads, config.json.

    Whole numbers become float32, with one warning in the log; floats keep their type. Raises
    `ModelUnreadable` for anything but a sound Whisper model.
    """
    name = f"{folder.name}/{CONTAINER}"
    try:
        with (folder / CONTAINER).open("rb") as file:
            variables = _Variables(file, name)
            dimensions = _dimensions(variables, name)
            state = dict(_state(variables, dimensions))
            variables.check_rest()
    except OSError as error:
        raise ModelUnreadable(f"{name} cannot be read") from error
    config = folder / "config.json"
    heads = read_table(config).get("alignment_heads") if config.is_file() else None
    heads = read_heads(heads, dimensions, folder.name)
    checkpoint = checked(Checkpoint(dimensions, state, heads), name)
    if variables.bits:
        logger.warning(
            "%s holds weights of %s bits: they are made float, and are no more exact for it",
            name,
            " and ".join(str(bits) for bits in sorted(variables.bits)),
        )
    return checkpoint


class _Variables:
    """The variables of an open container, as floats; keeps account of what was read."""

    def __init__(self, file: BufferedReader, name: str) -> None:
        self._file = file
        self._name = name
        self._variables = _whisper_index(file, name).variables
        self._read: set[Variable] = set()
        self.bits: set[int] = set()  # of weights that were whole numbers

    def __contains__(self, key: str) -> bool:
        return key in self._variables

    def shape(self, key: str, rank: int) -> tuple[int, ...]:
        shape = self._variable(key).shape
        if len(shape) != rank:
            raise damaged(self._name, f"{key!r} has {len(shape)} dimensions, not {rank}")
        return shape

    def number(self, key: str) -> int:
        """A setting that is a whole number."""
        value = self._stored(key)
        if value.numel() != 1 or value.is_floating_point():
            raise damaged(self._name, f"{key!r} is not a whole number")
        return int(value)

    def floats(self, key: str) -> Tensor:
        """A weight; whole numbers are divided by their scale, one for each row or one for all."""
        stored = self._stored(key)
        if stored.is_floating_point():
            return stored
        if stored.dtype not in (torch.int8, torch.int16) or stored.dim() == 0:
            raise damaged(self._name, f"{key!r} has a type that weights do not have")
        scale = self._stored(f"{key}_scale").float()
        if scale.numel() not in (1, len(stored)) or not (scale.isfinite() & (scale > 0)).all():
            raise damaged(self._name, f"the scale of {key!r} does not fit")
        self.bits.add(8 * stored.itemsize)
        step = scale.reciprocal().view(-1, *[1] * (stored.dim() - 1))
        return stored.float().mul_(step)

    def parts(self, key: str, count: int) -> tuple[Tensor, ...]:
        """A weight of several layers whose rows stand one below the other."""
        whole = self.floats(key)
        if whole.dim() == 0 or len(whole) % count:
            raise damaged(self._name, f"{key!r} does not have rows for {count} layers")
        return whole.tensor_split(count)

    def check_rest(self) -> None:
        """Raise if a tensor was not read, other than the embedding as the projection to tokens."""
        if self._is_unread(PROJECTION) and not torch.equal(
            self.floats(PROJECTION), self.floats(TOKENS)
        ):
            raise self.not_whisper(f"{PROJECTION!r} apart from the embedding")
        rest = [key for key in self._variables if self._is_unread(key)]
        if rest:
            raise self.not_whisper(repr(min(rest)))

    def not_whisper(self, what: str) -> ModelUnreadable:
        """The error for a tensor for which openai-whisper's model has no place."""
        return ModelUnreadable(
            f"{self._name} holds {what}, for which Whisper has no place: convert a model that has "
            "Whisper's own architecture"
        )

    def _is_unread(self, key: str) -> bool:
        """Single numbers, which are settings of theirs, need not be read."""
        variable = self._variables.get(key)
        return variable is not None and variable.shape != () and variable not in self._read

    def _stored(self, key: str) -> Tensor:
        variable = self._variable(key)
        self._read.add(variable)
        return read_variable(self._file, variable, self._name)

    def _variable(self, key: str) -> Variable:
        if key not in self._variables:
            raise damaged(self._name, f"it lacks {key!r}")
        return self._variables[key]


def _whisper_index(file: BufferedReader, name: str) -> Index:
    index = read_index(file, name)
    if index.spec != SPEC:
        raise ModelUnreadable(
            f"{name} holds a model of the kind {index.spec!r}, not Whisper's {SPEC!r}: take a "
            "directory that CTranslate2 converted from a Whisper model"
        )
    if index.revision not in REVISIONS:
        raise ModelUnreadable(
            f"{name} has revision {index.revision} of {SPEC!r}, and 1 to 3 are read: convert the "
            "model with CTranslate2 3 or 4"
        )
    return index


def _dimensions(variables: _Variables, name: str) -> Dimensions:
    """Sizes as the tensors have them, numbers of heads as the container says."""
    audio, n_mels, _ = variables.shape("encoder/conv1/weight", 3)
    n_vocab, text = variables.shape(TOKENS, 2)
    has_positions = SOUND_POSITIONS in variables
    sizes = {
        "n_mels": n_mels,
        "n_audio_ctx": variables.shape(SOUND_POSITIONS, 2)[0] if has_positions else SOUND_FRAMES,
        "n_audio_state": audio,
        "n_audio_head": _heads(variables, "encoder", audio),
        "n_audio_layer": _layers(variables, "encoder"),
        "n_vocab": n_vocab,
        "n_text_ctx": variables.shape(TEXT_POSITIONS, 2)[0],
        "n_text_state": text,
        "n_text_head": _heads(variables, "decoder", text),
        "n_text_layer": _layers(variables, "decoder"),
    }
    return read_dimensions(sizes, name)


def _heads(variables: _Variables, side: str, width: int) -> int:
    key = f"{side}/num_heads"
    return variables.number(key) if key in variables else width // HEAD_WIDTH


def _layers(variables: _Variables, side: str) -> int:
    layers = itertools.count()
    return next(n for n in layers if f"{side}/layer_{n}/ffn/linear_0/weight" not in variables)


def _state(variables: _Variables, dimensions: Dimensions) -> Iterator[tuple[str, Tensor]]:
    """Every weight under openai-whisper's name."""
    for ours, theirs in CONVOLUTIONS:
        yield from _linear(variables, ours, theirs)
    for ours, theirs in LAST_NORMS:
        yield from _norm(variables, ours, theirs)
    yield "decoder.token_embedding.weight", variables.floats(TOKENS)
    yield "decoder.positional_embedding", variables.floats(TEXT_POSITIONS)
    if SOUND_POSITIONS in variables:
        yield "encoder.positional_embedding", variables.floats(SOUND_POSITIONS)
    elif dimensions.n_audio_state % HEAD_WIDTH == 0:
        yield "encoder.positional_embedding", sinusoids(SOUND_FRAMES, dimensions.n_audio_state)
    for layer in range(dimensions.n_audio_layer):
        yield from _block(variables, f"encoder.blocks.{layer}", f"encoder/layer_{layer}", BLOCK)
    for layer in range(dimensions.n_text_layer):
        for block in (BLOCK, CROSS_ATTENTION):
            yield from _block(variables, f"decoder.blocks.{layer}", f"decoder/layer_{layer}", block)


def _block(
    variables: _Variables, ours: str, theirs: str, block: Block
) -> Iterator[tuple[str, Tensor]]:
    for our_part, their_part in block.norms:
        yield from _norm(variables, f"{ours}.{our_part}", f"{theirs}/{their_part}")
    for our_part, their_part in block.linears:
        yield from _linear(variables, f"{ours}.{our_part}", f"{theirs}/{their_part}")
    for our_part, their_part, layers in block.fused:
        yield from _fused(variables, f"{ours}.{our_part}", f"{theirs}/{their_part}", layers)


def _norm(variables: _Variables, ours: str, theirs: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{ours}.weight", variables.floats(f"{theirs}/gamma")
    yield f"{ours}.bias", variables.floats(f"{theirs}/beta")


def _linear(variables: _Variables, ours: str, theirs: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{ours}.weight", variables.floats(f"{theirs}/weight")
    yield f"{ours}.bias", variables.floats(f"{theirs}/bias")


def _fused(
    variables: _Variables, ours: str, theirs: str, layers: tuple[str, ...]
) -> Iterator[tuple[str, Tensor]]:
    """The layers of one matrix; keys have no bias in Whisper, and theirs is zero."""
    weights = variables.parts(f"{theirs}/weight", len(layers))
    biases = variables.parts(f"{theirs}/bias", len(layers))
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        yield f"{ours}.{layer}.weight", weight
        if layer != "key":
            yield f"{ours}.{layer}.bias", bias
        elif bias.any():
            raise variables.not_whisper(f"a bias of keys in '{theirs}/bias'")
