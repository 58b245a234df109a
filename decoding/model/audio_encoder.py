"""Whisper's audio encoder for inference: merged query-key-value products and fused attention.

Most of what it does for a short clip is done for the silence that fills its window. Where a window
need not be openai-whisper's to the letter, that silence is heard coarsely: every fourth frame of it
stands for four, counts four times in attention, and what lies between two is their mean by
distance. A decoder then reads a clip as alike as if it had begun 20 ms later. Silence computed once
for all clips would be cheaper, but it has not heard them, and more clips end in a loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from decoding.model.dimensions import Dimensions
from decoding.model.encoder_attention import attend
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

FRAMES_A_SECOND = 50
SILENCE_BEHIND = 1.0
"""Seconds behind a clip that are heard as finely as itself."""
COARSE = 4
"""Frames of silence for which one stands."""
LONGEST_SHORT = 2 / 3
"""Part of a window above which all of it is heard finely: little would be saved."""


@dataclass(frozen=True, slots=True)
class EncoderLayer:
    """One residual block: [w, frames, d] -> [w, frames, d]."""

    heads: int
    attention_dtype: torch.dtype
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
            placement.precision.attention_dtype,
            LayerNorm.load(state, f"{block}.attn_ln", placement),
            make_linear(*merged, placement),
            output_projection(state, f"{block}.attn", placement),
            FeedForward.load(state, block, placement),
        )

    def __call__(self, x: Tensor, emphasis: Tensor | None = None) -> Tensor:
        """`emphasis` [frames]: added to the scores of a frame, for all who attend to it."""
        windows, frames, _ = x.shape
        merged = self.query_key_value(self.norm(x)).view(windows, frames, 3, self.heads, -1)
        query, key, value = merged.permute(2, 0, 3, 1, 4).to(self.attention_dtype)
        x = x + self.out(attend(query, key, value, emphasis).to(x.dtype))
        return self.feed_forward(x)


class AudioEncoder:
    """mel [w, n_mels, 3000] -> audio features [w, 1500, d].

    `frames`: how many of each window's 1500 are sound, as `frames_of` counts them. On the CPU the
    rest is heard coarsely; elsewhere windows are encoded together, each as a whole.
    """

    def __init__(self, state: State, dimensions: Dimensions, placement: Placement) -> None:
        self._dtype = placement.precision.dtype
        self._convolution_dtype = placement.precision.attention_dtype
        self._device = placement.device
        self._frames = dimensions.n_audio_ctx
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

    def __call__(self, mel: Tensor, frames: Sequence[int] | None = None) -> Tensor:
        if self._device.type != "cpu":
            return self._encode(mel)
        counts = frames or [self._frames] * len(mel)  # window by window: same bits alone
        found = [self._of_one(*one) for one in zip(mel[:, None], counts, strict=True)]
        return found[0] if len(found) == 1 else torch.cat(found)

    def _of_one(self, mel: Tensor, frames: int) -> Tensor:
        if frames == self._frames:
            return self._encode(mel)
        x = self._convolved(mel)
        coarse = x[:, frames + COARSE // 2 :: COARSE]
        x = torch.cat([x[:, :frames], coarse], 1)
        emphasis = x.new_zeros(x.shape[1])
        emphasis[frames:] = math.log(COARSE)
        for layer in self._layers:
            x = layer(x, emphasis)
        x = self._norm(x)
        silence = F.interpolate(x[:, frames:].mT, scale_factor=COARSE, mode="linear").mT
        return torch.cat([x[:, :frames], silence], 1)

    def _encode(self, mel: Tensor) -> Tensor:
        x = self._convolved(mel)
        for layer in self._layers:
            x = layer(x)
        return self._norm(x)

    def _convolved(self, mel: Tensor) -> Tensor:
        (weight1, bias1), (weight2, bias2) = self._convolutions
        x = F.gelu(F.conv1d(mel.to(self._convolution_dtype), weight1, bias1, padding=1))
        x = F.gelu(F.conv1d(x, weight2, bias2, padding=1, stride=2)).transpose(1, 2)
        return (x.to(self._dtype) + self._positions).contiguous()


def frames_of(seconds: float, dimensions: Dimensions) -> int:
    """How many frames of a clip of so many seconds are heard finely: all, if nearly so."""
    window = dimensions.n_audio_ctx
    frames = math.ceil((seconds + SILENCE_BEHIND) * FRAMES_A_SECOND)
    frames += (window - frames) % COARSE
    return frames if frames <= LONGEST_SHORT * window else window
