"""The small parts that encoder and decoder are built of.

`make_linear` is the one place that knows how weights are stored for a precision.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from decoding.kernels.add_norm import add_and_norm
from decoding.kernels.int8_choice import HELD_TO, X86
from decoding.kernels.int8_linear import Int8Linear
from decoding.kernels.panel_linear import PanelLinear

ROWS_AT_ONCE = 250  # of a feed-forward on the CPU: its wide middle stays in the core's own cache
NORM_EPSILON = 1e-5

State = Mapping[str, Tensor]


class Linear(Protocol):
    """x [w, rows, in] -> [w, rows, out].

    On the CPU, except in half precisions, a window's bits do not depend on the windows beside it.
    tests/decoding/model/test_layers.py holds this on the machine at hand; `make processors` holds
    it for each instruction set that the machine can pretend to have.
    """

    def __call__(self, x: Tensor) -> Tensor: ...


class FloatLinear:
    """x [w, rows, in] -> [w, rows, out], weights kept in the floating type they are multiplied in.

    Libraries choose their routine, and so the last bits, by the number of rows. In single precision
    on the CPU they are given one window after the other.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight = weight.contiguous()
        self.bias = bias
        self._is_exact = weight.device.type == "cpu" and weight.dtype == torch.float32

    def __call__(self, x: Tensor) -> Tensor:
        if self._is_exact and len(x) > 1:
            return torch.cat([self(window) for window in torch.split(x, 1)])
        return F.linear(x, self.weight, self.bias)


class PackedLinear:
    """x [w, rows, in] -> [w, rows, out], single precision on an x86 CPU, laid out for oneDNN once:
    for the many rows of a whole window.

    The plain product lays them out anew each time. A row's bits do not depend on how many rows,
    from two on, or threads there are.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight)
        self._multiply: Any = torch.ops.mkldnn._linear_pointwise.default
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        product: Tensor = self._multiply(x, self._packed, self._bias, "none", [], "")
        return product


def packs(weight: Tensor) -> bool:
    """Whether `PackedLinear` takes this weight [out, in] on this machine."""
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and platform.machine() in X86
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


@dataclass(frozen=True, slots=True)
class Precision:
    """`name` as users write it; `dtype` is what modules hand each other.

    `attention_dtype`: what the encoder's attention and convolutions are computed in. `audio_dtype`:
    what the decoder's attention over the sound is computed in. `is_quantised`: linear layers have
    8-bit weights, the sound's keys and values are kept in 8 bits, and the encoder's attention has
    them where that is quicker (decoding/model/encoder_attention.py).
    """

    name: str
    dtype: torch.dtype
    attention_dtype: torch.dtype
    audio_dtype: torch.dtype
    is_quantised: bool = False


def _same(name: str, dtype: torch.dtype) -> Precision:
    return Precision(name, dtype, dtype, dtype)


WITHOUT_BFLOAT16 = frozenset(
    ["SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"]
)
"""oneDNN's names of the instruction sets that it imitates bfloat16 with."""


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16, and oneDNN is let do so: imitated, products take
    many times as long as float32."""
    is_there = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
    return is_there and os.environ.get(HELD_TO, "").upper() not in WITHOUT_BFLOAT16


PRECISIONS = {
    "fp32": _same("fp32", torch.float32),
    "bf16": _same("bf16", torch.bfloat16),
    "fp16": _same("fp16", torch.float16),
    "int8": Precision(
        "int8",
        torch.float32,
        torch.bfloat16 if has_bfloat16() else torch.float32,
        torch.float32,
        is_quantised=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and in which precision modules are built.

    `takes_few_rows`: linear layers are given the rows of a step, not those of a whole window: their
    weights are laid out for that.
    """

    device: torch.device
    precision: Precision
    takes_few_rows: bool = False

    def put(self, tensor: Tensor) -> Tensor:
        """Any shape [..], contiguous there."""
        return tensor.to(self.device, self.precision.dtype).contiguous()


def make_linear(weight: Tensor, bias: Tensor | None, placement: Placement) -> Linear:
    """A linear layer of `weight` [out, in] for the placement's precision."""
    if placement.precision.is_quantised:
        return Int8Linear(weight, bias, takes_few_rows=placement.takes_few_rows)
    placed = placement.put(weight)
    added = None if bias is None else placement.put(bias)
    if placed.device.type == "cpu" and placed.dtype == torch.float32 and placement.takes_few_rows:
        return PanelLinear(placed, added)
    return (PackedLinear if packs(placed) else FloatLinear)(placed, added)


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """[.., d] -> [.., d]."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def load(cls, state: State, name: str, placement: Placement) -> LayerNorm:
        return cls(placement.put(state[f"{name}.weight"]), placement.put(state[f"{name}.bias"]))

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, NORM_EPSILON)

    def of_sum(self, x: Tensor, added: Tensor) -> tuple[Tensor, Tensor]:
        """x + added [.., d], and the norm of that."""
        return add_and_norm(x, added, self.weight, self.bias, NORM_EPSILON)


@dataclass(frozen=True, slots=True)
class FeedForward:
    """The second half of a residual block: [w, n, d] -> [w, n, d], x itself added."""

    norm: LayerNorm
    inner: Linear
    outer: Linear

    @classmethod
    def load(cls, state: State, block: str, placement: Placement) -> FeedForward:
        return cls(
            LayerNorm.load(state, f"{block}.mlp_ln", placement),
            make_linear(state[f"{block}.mlp.0.weight"], state[f"{block}.mlp.0.bias"], placement),
            make_linear(state[f"{block}.mlp.2.weight"], state[f"{block}.mlp.2.bias"], placement),
        )

    def __call__(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and x.shape[1] > ROWS_AT_ONCE:
            return torch.cat([self(part) for part in torch.split(x, ROWS_AT_ONCE, dim=1)], dim=1)
        return x + self.read(self.norm(x))

    def read(self, normed: Tensor) -> Tensor:
        """What is added to x, of its norm [w, n, d]."""
        if normed.device.type == "cpu" and normed.shape[1] > ROWS_AT_ONCE:
            parts = torch.split(normed, ROWS_AT_ONCE, dim=1)
            return torch.cat([self.read(part) for part in parts], dim=1)
        return self.outer(F.gelu(self.inner(normed)))


def merged_query_key_value(state: State, name: str, head_width: int) -> tuple[Tensor, Tensor]:
    """One weight [3 d, d] and bias [3 d]; the attention scale is folded into the query.

    Head widths of Whisper are 64, so the scale is a power of two and the folding is exact.
    """
    scale = head_width**-0.5
    query, key, value = (
        state[f"{name}.{part}.weight"].float() for part in ("query", "key", "value")
    )
    query_bias, value_bias = (
        state[f"{name}.query.bias"].float(),
        state[f"{name}.value.bias"].float(),
    )
    weight = torch.cat([query * scale, key, value])
    bias = torch.cat([query_bias * scale, torch.zeros(key.shape[0]), value_bias])
    return weight, bias


def output_projection(state: State, name: str, placement: Placement) -> Linear:
    return make_linear(state[f"{name}.out.weight"], state[f"{name}.out.bias"], placement)
