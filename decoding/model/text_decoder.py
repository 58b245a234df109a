"""Whisper's text decoder for inference.

A window's audio keys and values are stored once; its beams ride in the query axis and share them.
Where text keys and values are kept is the caller's business (`KVCache`): no state here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from decoding.kernels import beam_attention, eight_bit_attention, step_attention
from decoding.kernels.eight_bits import EightBitKeyValue
from decoding.model.dimensions import Dimensions
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
from decoding.model.logit_columns import LogitColumns

PADDING = 0  # any token
SUM_POSITIONS = 128  # summed in one product over text positions, on the CPU

KeyValue = tuple[Tensor, Tensor]  # keys and values, each [w, heads, positions, head width]
AudioKeyValue = KeyValue | EightBitKeyValue


class Audio(Protocol):
    """Keys and values of the sound, layer by layer, each asked for once and in order."""

    def __getitem__(self, layer: int, /) -> AudioKeyValue:
        """Each [w, heads, 1500, head width]."""
        ...


class KVCache(Protocol):
    """Keeps the text's keys and values of each layer."""

    def extend(self, layer: int, new: Tensor) -> KeyValue:
        """Store keys and values [2, w, heads, q, width] of the new tokens; return all that may be
        attended to."""
        ...


class NoCache:
    """For whole sequences at once: the new tokens are all there is."""

    def extend(self, layer: int, new: Tensor) -> KeyValue:  # noqa: ARG002 - a port
        """Keys and values [2, w, heads, q, width] as they are."""
        key, value = new
        return key, value


@dataclass(slots=True)
class CrossAttentionProbe:
    """Collects the unnormalised cross-attention of chosen (layer, head) pairs."""

    heads: Sequence[tuple[int, int]]
    scores: list[Tensor] = field(default_factory=list)  # each [w, heads of the layer, q, frames]

    def see(self, layer: int, scores: Tensor) -> None:
        """Keep of `scores` [w, heads, q, frames] those of the layer's chosen heads."""
        chosen = [head for at, head in self.heads if at == layer]
        if chosen:
            # not scores[:, chosen]: a list as index makes the host wait for the device
            self.scores.append(torch.stack([scores[:, head] for head in chosen], 1).float())


@dataclass(frozen=True, slots=True)
class DecoderLayer:
    """Self-attention, cross-attention, feed-forward: each is given a norm of what was so far, and
    what it reads is added to that."""

    heads: int
    audio_dtype: torch.dtype
    text_norm: LayerNorm
    text_query_key_value: Linear
    text_out: Linear
    audio_norm: LayerNorm
    audio_query: Linear
    audio_key_value: Linear
    audio_out: Linear
    feed_forward: FeedForward

    @classmethod
    def load(cls, state: State, index: int, heads: int, placement: Placement) -> DecoderLayer:
        block = f"decoder.blocks.{index}"
        size = state[f"{block}.attn_ln.weight"].shape[0]
        text = merged_query_key_value(state, f"{block}.attn", size // heads)
        audio_weight, audio_bias = merged_query_key_value(
            state, f"{block}.cross_attn", size // heads
        )
        return cls(
            heads,
            placement.precision.audio_dtype,
            LayerNorm.load(state, f"{block}.attn_ln", placement),
            make_linear(*text, placement),
            output_projection(state, f"{block}.attn", placement),
            LayerNorm.load(state, f"{block}.cross_attn_ln", placement),
            make_linear(audio_weight[:size], audio_bias[:size], placement),
            make_linear(
                audio_weight[size:], audio_bias[size:], replace(placement, takes_few_rows=False)
            ),
            output_projection(state, f"{block}.cross_attn", placement),
            FeedForward.load(state, block, placement),
        )

    def cross_attention_kv(self, features: Tensor) -> KeyValue:
        """Audio features [w, frames, d] -> keys and values of the cross-attention."""
        windows, frames, _ = features.shape
        merged = self.audio_key_value(features).view(windows, frames, 2, self.heads, -1)
        key, value = merged.permute(2, 0, 3, 1, 4).to(self.audio_dtype)
        return key, value

    def self_attention(self, normed: Tensor, layer: int, cache: KVCache, mask: Tensor) -> Tensor:
        """What is read in the text, [w, q, d], by the same norms: each of q new tokens sees those
        positions of the cache at which `mask` is not minus infinity; it is added to the scores
        [w, heads, q, positions] and may be of fewer dimensions."""
        windows, count, size = normed.shape
        merged = self.text_query_key_value(normed)
        merged = merged.view(windows, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query = merged[0]
        keys, values = cache.extend(layer, merged[1:])
        if beam_attention.supports(query, keys):
            return self.text_out(beam_attention.attend_masked(query, keys, values, mask))
        if step_attention.supports(query, keys, mask):
            return self.text_out(step_attention.attend_masked(query, keys, values, mask))
        weights = (query @ keys.mT + mask).softmax(-1)
        read = weighted_sum(weights, values).transpose(1, 2).reshape(windows, count, size)
        return self.text_out(read)

    def cross_attention(
        self, normed: Tensor, audio: AudioKeyValue, layer: int, probe: CrossAttentionProbe | None
    ) -> Tensor:
        """What is read in `audio`, keys and values [w, heads, frames, width], by norms [w, q, d];
        a probe is shown the scores [w, heads, q, frames]."""
        windows, count, size = normed.shape
        query = self.audio_query(normed).view(windows, count, self.heads, -1)
        query = query.transpose(1, 2).to(self.audio_dtype)
        if isinstance(audio, EightBitKeyValue):
            kept = audio.keys, audio.values
            if probe is None and eight_bit_attention.supports(query, *kept):
                return self.audio_out(eight_bit_attention.attend(query, *kept))
            if probe is None and step_attention.supports_unmasked(query):
                attended = step_attention.attend_eight_bits(query, *kept)
                return self.audio_out(attended.to(normed.dtype))
            audio = audio.whole(query.dtype)
        if probe is None and beam_attention.supports_unmasked(query, audio[0]):
            return self.audio_out(beam_attention.attend_unmasked(query, *audio))
        if probe is None and step_attention.supports_unmasked(query):
            attended = step_attention.attend_unmasked(query, *audio)
            return self.audio_out(attended.to(normed.dtype))
        scores = query @ audio[0].mT
        if probe is not None:
            probe.see(layer, scores)
        read = torch.matmul(scores.softmax(-1), audio[1])
        read = read.transpose(1, 2).reshape(windows, count, size)
        return self.audio_out(read.to(normed.dtype))


class LogitHead:
    """Hidden states [w, q, d] -> logits [w, q, columns], float32; a mass counts as one token."""

    def __init__(self, rows: Tensor, columns: LogitColumns, placement: Placement) -> None:
        self._product = make_linear(rows[columns.rows], None, placement)

    def __call__(self, hidden: Tensor) -> Tensor:
        return self._product(hidden).float()


class TextDecoder:
    """Tokens and audio -> hidden states -> logits."""

    def __init__(self, state: State, dimensions: Dimensions, placement: Placement) -> None:
        placement = replace(placement, takes_few_rows=True)
        index = state.get("decoder.token_index")
        rows = state["decoder.token_embedding.weight"]
        self._embedding = placement.put(rows)
        self._embedding_index = None if index is None else index.to(placement.device).long()
        self._positions = placement.put(state["decoder.positional_embedding"])
        self._layers = [
            DecoderLayer.load(state, at, dimensions.n_text_head, placement)
            for at in range(dimensions.n_text_layer)
        ]
        self._norm = LayerNorm.load(state, "decoder.ln", placement)
        self.columns = LogitColumns(dimensions, index).to(placement.device)
        self.logits = LogitHead(rows, self.columns, placement)
        self.dtype = placement.precision.dtype
        self.audio_dtype = placement.precision.audio_dtype

    def cross_attention_kv(self, layer: int, features: Tensor) -> KeyValue:
        """Audio keys and values of one layer, from features [w, 1500, d]."""
        return self._layers[layer].cross_attention_kv(features)

    def __call__(
        self,
        tokens: Tensor,
        positions: Tensor,
        audio: Audio,
        cache: KVCache,
        mask: Tensor,
        probe: CrossAttentionProbe | None = None,
    ) -> Tensor:
        """Hidden states [w, q, d] of tokens [w, q] at positions [w, q].

        `mask` is added to the text attention's scores [w, heads, q, positions in memory].
        """
        rows = tokens if self._embedding_index is None else self._embedding_index[tokens]
        x = self._embedding[rows] + self._positions[positions]
        normed = self._layers[0].text_norm(x)
        following = [*(layer.text_norm for layer in self._layers[1:]), self._norm]
        for at, (layer, norm) in enumerate(zip(self._layers, following, strict=True)):
            read = layer.self_attention(normed, at, cache, mask)
            x, normed = layer.audio_norm.of_sum(x, read)
            read = layer.cross_attention(normed, audio[at], at, probe)
            x, normed = layer.feed_forward.norm.of_sum(x, read)
            x, normed = norm.of_sum(x, layer.feed_forward.read(normed))
        return normed

    def read(
        self,
        tokens: Tensor,
        audio: Audio,
        cache: KVCache,
        probe: CrossAttentionProbe | None = None,
    ) -> Tensor:
        """Hidden states [w, n, d] of whole texts [w, n], each from its first position on."""
        device, length = tokens.device, tokens.shape[1]
        positions = torch.arange(length, device=device)[None]
        mask = _causal_mask(length, self.dtype, device)
        return self(tokens, positions, audio, cache, mask, probe)


def padded(texts: Sequence[Sequence[int]], length: int | None = None) -> list[list[int]]:
    """Texts as long as the longest, or of `length` tokens; nobody looks at what is behind them."""
    length = length or max(len(text) for text in texts)
    return [[*text, *[PADDING] * (length - len(text))] for text in texts]


def weighted_sum(weights: Tensor, values: Tensor) -> Tensor:
    """weights [w, heads, q, n] @ values [w, heads, n, width], however far n was padded.

    A library's product over n is cut into parts whose size depends on n, and so do the last bits
    of the result. On the CPU we cut it ourselves, at fixed places, and add in order: positions
    that are seen by nobody then add exact zeros.
    """
    length = weights.shape[-1]
    if weights.device.type != "cpu" or length <= SUM_POSITIONS:
        return torch.matmul(weights, values)
    total = torch.matmul(weights[..., :SUM_POSITIONS], values[..., :SUM_POSITIONS, :])
    for start in range(SUM_POSITIONS, length, SUM_POSITIONS):
        stop = start + SUM_POSITIONS
        total += torch.matmul(weights[..., start:stop], values[..., start:stop, :])
    return total


def _causal_mask(length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[length, length]: zero where a position may look, minus infinity ahead of it."""
    return torch.full((length, length), float("-inf"), dtype=dtype, device=device).triu_(1)
