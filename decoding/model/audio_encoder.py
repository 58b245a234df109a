"""Whisper's audio encoder for inference: merged query-key-value products and fused attention."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from decoding.model.dimensions import Dimensions
from decoding.model.encoder_attention import Attention, attention_for
from decoding.model.layers import (
    FeedForward,
    LayerNorm,
    Linear,
    Placement,
    State,
    make_linear,
    merged_query_key_value,
    output_projection,
)


@dataclass(frozen=True, slots=True)
class EncoderLayer:
    """One residual block: [w, frames, d] -> [w, frames, d]."""

    heads: int
    attention: Attention
    norm: LayerNorm
    query_key_value: Linear
    out: Linear
    feed_forward: FeedForward

    @classmethod
    def load(cls, state: State, index: int, heads: int, placement: Placement) -> EncoderLayer:
        block = f"encoder.blocks.{index}"
        width = state[f"{block}.attn_ln.weight"].shape[0] // heads
        merged = merged_query_key_value(state, f"{block}.attn", width)
        return cls(
            heads,
            attention_for(placement.precision, width),
            LayerNorm.load(state, f"{block}.attn_ln", placement),
            make_linear(*merged, placement),
            output_projection(state, f"{block}.attn", placement),
            FeedForward.load(state, block, placement),
        )

    def __call__(self, x: Tensor) -> Tensor:
        windows, frames, _ = x.shape
        merged = self.query_key_value(self.norm(x)).view(windows, frames, 3, self.heads, -1)
        x = x + self.out(self.attention(merged).to(x.dtype))
        return self.feed_forward(x)


class AudioEncoder:
    """mel [w, n_mels, 3000] -> audio features [w, 1500, d]."""

    def __init__(self, state: State, dimensions: Dimensions, placement: Placement) -> None:
        self._dtype = placement.precision.dtype
        self._convolution_dtype = placement.precision.attention_dtype
        self._device = placement.device
        names = ("encoder.conv1", "encoder.conv2")
        self._convolutions = [
            tuple(
                placement.put(state[f"{name}.{part}"]).to(self._convolution_dtype)
                for part in ("weight", "bias")
            )
            for name in names
        ]
        self._positions = placement.put(state["encoder.positional_embedding"])
        self._layers = [
            EncoderLayer.load(state, index, dimensions.n_audio_head, placement)
            for index in range(dimensions.n_audio_layer)
        ]
        self._norm = LayerNorm.load(state, "encoder.ln_post", placement)

    def __call__(self, mel: Tensor) -> Tensor:
        if self._device.type == "cpu" and len(mel) > 1:  # window by window: same bits alone
            return torch.cat([self(one) for one in mel[:, None]])
        (weight1, bias1), (weight2, bias2) = self._convolutions
        x = F.gelu(F.conv1d(mel.to(self._convolution_dtype), weight1, bias1, padding=1))
        x = F.gelu(F.conv1d(x, weight2, bias2, padding=1, stride=2)).transpose(1, 2)
        x = (x.to(self._dtype) + self._positions).contiguous()
        for layer in self._layers:
            x = layer(x)
        return self._norm(x)
