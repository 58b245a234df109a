"""openai-whisper's network with the inside visible: what training needs and decoding does not.

The parameters are those of `whisper.model.Whisper`, with a small vocabulary. The forward pass is
written out here because the auxiliary losses look at the middle of the encoder and at attention,
and because windows may be shorter than thirty seconds and start at any position.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from whisper.model import ModelDimensions, MultiHeadAttention, ResidualAttentionBlock, Whisper

from training.vocabulary import TIMESTAMPS, Vocabulary

MEL_BANDS = 80
AUDIO_POSITIONS = 1_500
TEXT_POSITIONS = 448
PHONEMES = 160


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of the network: `layers` in the encoder and again in the decoder."""

    width: int = 192
    layers: int = 4
    heads: int = 3

    def dimensions(self, vocabulary_size: int) -> ModelDimensions:
        return ModelDimensions(
            n_mels=MEL_BANDS,
            n_audio_ctx=AUDIO_POSITIONS,
            n_audio_state=self.width,
            n_audio_head=self.heads,
            n_audio_layer=self.layers,
            n_vocab=vocabulary_size,
            n_text_ctx=TEXT_POSITIONS,
            n_text_state=self.width,
            n_text_head=self.heads,
            n_text_layer=self.layers,
        )


@dataclass(frozen=True, slots=True)
class EncoderStates:
    """Encoder states, shape (batch, frames, width): at the end and after half of the layers."""

    last: Tensor
    middle: Tensor


@dataclass(frozen=True, slots=True)
class Read:
    """Decoder states, shape (batch, tokens, width), and per guided layer the logarithm of
    cross-attention, shape (batch, heads, tokens, frames); the lowest guided layer first."""

    states: Tensor
    attention: tuple[Tensor, ...]


class TrainedWhisper(nn.Module):
    """Whisper and the heads of its auxiliary losses."""

    def __init__(self, shape: Shape, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.shape = shape
        self.whisper = Whisper(shape.dimensions(vocabulary.size))
        self.phoneme_head = nn.Linear(shape.width, PHONEMES)
        self.frame_word = nn.Linear(shape.width, shape.width)
        self._start(vocabulary)

    @property
    def embedding(self) -> Tensor:
        weight: Tensor = self.whisper.decoder.token_embedding.weight
        return weight

    @torch.no_grad()
    def _start(self, vocabulary: Vocabulary) -> None:
        """First weights. Timestamps start as the encoder's own positions: one token, one frame."""
        width = self.shape.width
        decoder = self.whisper.decoder
        nn.init.normal_(decoder.token_embedding.weight, std=0.05)
        nn.init.normal_(decoder.positional_embedding, std=0.01)
        for name, weight in self.whisper.named_parameters():
            if weight.dim() == 2 and "embedding" not in name:
                closes_block = name.endswith(("out.weight", "mlp.2.weight"))
                nn.init.normal_(weight, std=width**-0.5 * (0.5 if closes_block else 1.0))
        positions = self.whisper.encoder.positional_embedding
        last = torch.cat([positions, positions[-1:]])[:TIMESTAMPS]
        length = 0.05 * width**0.5
        first = vocabulary.first_timestamp
        self.embedding[first : first + TIMESTAMPS] = F.normalize(last, dim=1) * length

    def encode(self, mel: Tensor, offsets: Tensor) -> EncoderStates:
        """States of `mel`, shape (batch, 80, 2 x frames), placed from position `offsets` on."""
        encoder = self.whisper.encoder
        x = F.gelu(F.conv1d(mel, encoder.conv1.weight, encoder.conv1.bias, padding=1))
        x = F.gelu(F.conv1d(x, encoder.conv2.weight, encoder.conv2.bias, stride=2, padding=1))
        x = x.transpose(1, 2)
        places = offsets[:, None] + torch.arange(x.shape[1], device=x.device)
        x = x.float() + encoder.positional_embedding[places]
        middle = x
        for index, block in enumerate(encoder.blocks):
            x = x + self._attend(block.attn, _normed(block.attn_ln, x)).float()
            x = x + _thought(block, x)
            if index == len(encoder.blocks) // 2 - 1:
                middle = x
        return EncoderStates(_normed(encoder.ln_post, x), middle)

    def decode(self, tokens: Tensor, heard: Tensor) -> Read:
        """States of `tokens`, shape (batch, tokens), reading `heard`; upper layers are guided."""
        decoder = self.whisper.decoder
        x = self.embedding[tokens] + decoder.positional_embedding[: tokens.shape[1]]
        guided_from = max(1, len(decoder.blocks) // 2 - 1)
        attention: list[Tensor] = []
        for index, block in enumerate(decoder.blocks):
            x = x + self._attend(block.attn, _normed(block.attn_ln, x), causal=True).float()
            query = _normed(block.cross_attn_ln, x)
            if index < guided_from:
                x = x + self._attend(block.cross_attn, query, heard).float()
            else:
                read, weights = self._attend_visibly(block.cross_attn, query, heard)
                x = x + read.float()
                attention.append(weights)
            x = x + _thought(block, x)
        return Read(_normed(decoder.ln, x), tuple(attention))

    def _attend(
        self, attention: MultiHeadAttention, x: Tensor, source: Tensor | None = None,
        *, causal: bool = False,
    ) -> Tensor:  # fmt: skip
        query, key, value = self._projected(attention, x, x if source is None else source)
        if causal or query.is_cuda:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        else:  # on a processor the plain form takes half the time of the fused one at our size
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
            mixed = scores.softmax(-1).to(value.dtype) @ value
        return _joined(attention, mixed)

    def _attend_visibly(
        self, attention: MultiHeadAttention, x: Tensor, source: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cross-attention that also returns the logarithm of its weights."""
        query, key, value = self._projected(attention, x, source)
        scores = (query @ key.transpose(-1, -2)).float() * query.shape[-1] ** -0.5
        weights = scores.log_softmax(-1)
        return _joined(attention, weights.exp().to(value.dtype) @ value), weights

    def _projected(
        self, attention: MultiHeadAttention, x: Tensor, source: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        query = F.linear(x, attention.query.weight, attention.query.bias)
        key = F.linear(source, attention.key.weight)
        value = F.linear(source, attention.value.weight, attention.value.bias)
        return self._split(query), self._split(key), self._split(value)

    def _split(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.shape.heads, -1).transpose(1, 2)


def _joined(attention: MultiHeadAttention, mixed: Tensor) -> Tensor:
    return F.linear(mixed.transpose(1, 2).flatten(2), attention.out.weight, attention.out.bias)


def _normed(layer: nn.LayerNorm, x: Tensor) -> Tensor:
    return F.layer_norm(x.float(), layer.normalized_shape, layer.weight, layer.bias)


def _thought(block: ResidualAttentionBlock, x: Tensor) -> Tensor:
    """What the block's two-layer perceptron adds."""
    first, _, second = block.mlp
    inner = F.gelu(F.linear(_normed(block.mlp_ln, x), first.weight, first.bias))
    return F.linear(inner, second.weight, second.bias).float()
