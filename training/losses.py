"""What training minimises: the next token, and four aids without which so small a model does not
learn to listen on two cores (see MODEL_CARD.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.batches import Batch
from training.labels import FRAMES_PER_SECOND, IGNORED
from training.network import EncoderStates, Read, TrainedWhisper
from training.vocabulary import TIMESTAMPS, Vocabulary

TIMESTAMP_BLUR = ((-2, 0.06), (-1, 0.20), (0, 0.48), (1, 0.20), (2, 0.06))  # steps, weight
NEAR_TIMESTAMPS = 5  # steps (0.1 s) within which a timestamp counts as right in the log
FRAME_STRIDE = 4  # every fourth frame names its word; all would cost as much as the decoder
GUIDE_SLACK = 0.03  # seconds around a token in which looking is as good as looking at it
SILENCE = 0
FAR = -1e4
SHORTEST_COVERED = 0.03  # seconds
FAINT = -12.0  # log of attention below which it does not matter how much less it is


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the aids against the next-token loss."""

    phonemes: float = 0.3
    words: float = 0.3
    guide: float = 0.3
    guide_previous: float = 0.15
    cover: float = 0.1


@dataclass(frozen=True, slots=True)
class Losses:
    """`total` is minimised; the rest is for the log, as plain numbers."""

    total: Tensor
    shown: dict[str, float]


def losses(
    model: TrainedWhisper,
    batch: Batch,
    vocabulary: Vocabulary,
    weights: LossWeights,
    *,
    stride_start: int = 0,
    heads_only: bool = False,
) -> Losses:
    """All losses of one batch. `heads_only`: the aids' heads learn and change nothing else."""
    heard = model.encode(batch.mel, batch.offsets)
    read = model.decode(batch.read, heard.last)
    shown: dict[str, float] = {}
    token = _token_loss(model, read, batch, vocabulary, shown)
    phonemes, words = _frame_losses(model, heard, batch, stride_start, heads_only, shown)
    upper = _guide_loss(read.attention[1:], batch.intervals)
    before = torch.full_like(batch.intervals[:, :1], -1.0)
    previous = torch.cat([before, batch.intervals[:, :-1]], dim=1)
    lower = _guide_loss(read.attention[:1], previous)
    aligning = read.attention[-(model.shape.layers // 2) :]  # those that time words in Whisper
    cover = _cover_loss(aligning, batch.intervals)
    total = (
        token
        + weights.phonemes * phonemes
        + weights.words * words
        + weights.guide * upper
        + weights.guide_previous * lower
        + weights.cover * cover
    )
    shown |= {
        "loss": total.item(),
        "token_loss": token.item(),
        "guide": upper.item(),
        "cover": cover.item(),
    }
    return Losses(total, shown)


def _token_loss(
    model: TrainedWhisper, read: Read, batch: Batch, vocabulary: Vocabulary, shown: dict[str, float]
) -> Tensor:
    """Cross-entropy of the answers; a timestamp's neighbours are nearly right."""
    is_asked = batch.answer != IGNORED
    answer = batch.answer[is_asked]
    logits = F.linear(read.states[is_asked], model.embedding).float()
    junk = logits[:, -1:] + vocabulary.log_junk_count
    logarithm = torch.cat([logits[:, :-1], junk], dim=1).log_softmax(-1)
    first = vocabulary.first_timestamp
    is_time = answer >= first
    loss = -logarithm.gather(1, answer[:, None])[:, 0]
    blurred = torch.zeros_like(loss)
    for step, weight in TIMESTAMP_BLUR:
        near = (answer + step).clamp(first, first + TIMESTAMPS - 1)
        blurred = blurred - weight * logarithm.gather(1, near[:, None])[:, 0]
    with torch.no_grad():
        best = logarithm.argmax(-1)
        near_time = (best - answer).abs() <= NEAR_TIMESTAMPS
        shown["token_accuracy"] = _mean((best == answer)[~is_time])
        shown["timestamp_accuracy"] = _mean(near_time[is_time])
    return torch.where(is_time, blurred, loss).mean()


def _frame_losses(
    model: TrainedWhisper,
    heard: EncoderStates,
    batch: Batch,
    stride_start: int,
    heads_only: bool,
    shown: dict[str, float],
) -> tuple[Tensor, Tensor]:
    """Which phoneme (half-way through the encoder) and which word (at its end) each frame is."""
    middle, last, embedding = heard.middle, heard.last, model.embedding
    if heads_only:
        middle, last, embedding = middle.detach(), last.detach(), embedding.detach()
    phonemes = model.phoneme_head(middle).float()
    phoneme_loss = F.cross_entropy(phonemes.flatten(0, 1), batch.phonemes.flatten())
    sampled = model.frame_word(last[:, stride_start::FRAME_STRIDE])
    words = F.linear(sampled, embedding).float()
    wanted = batch.words[:, stride_start::FRAME_STRIDE]
    word_loss = F.cross_entropy(words.flatten(0, 1), wanted.flatten())
    with torch.no_grad():
        is_speech = batch.phonemes != SILENCE
        right = phonemes.argmax(-1) == batch.phonemes
        shown["phoneme_accuracy"] = _mean(right[is_speech])
        spoken = is_speech[:, stride_start::FRAME_STRIDE]
        shown["frame_word_accuracy"] = _mean((words.argmax(-1) == wanted)[spoken])
    return phoneme_loss, word_loss


def _cover_loss(attention: tuple[Tensor, ...], intervals: Tensor) -> Tensor:
    """How unevenly the heads together look at the frames of each token: Whisper's word times are
    where attention passes from one token to the next, so each must be looked at to its edges."""
    frames = attention[0].shape[-1]
    middles = (torch.arange(frames, device=intervals.device) + 0.5) / FRAMES_PER_SECOND
    row, place = (intervals[..., 1] - intervals[..., 0] > SHORTEST_COVERED).nonzero(as_tuple=True)
    times = intervals[row, place]
    inside = (middles >= times[:, :1]) & (middles <= times[:, 1:])
    is_seen = inside.any(-1)
    row, place, inside = row[is_seen], place[is_seen], inside[is_seen]
    if not len(row):
        return intervals.new_zeros(())
    together = torch.cat([layer.transpose(1, 2)[row, place] for layer in attention], dim=1)
    mean = together.logsumexp(1) - math.log(together.shape[1])  # (asked, frames)
    count = inside.sum(-1)
    evenly = (mean.clamp(min=FAINT) * inside).sum(-1) / count
    return -(evenly + count.log()).mean()


def _guide_loss(attention: tuple[Tensor, ...], intervals: Tensor) -> Tensor:
    """How little of each token's attention lies where the token sounds."""
    if not attention:  # two layers or fewer: the one guided layer follows the token before
        return intervals.new_zeros(())
    frames = attention[0].shape[-1]
    middles = (torch.arange(frames, device=intervals.device) + 0.5) / FRAMES_PER_SECOND
    row, place = (intervals[..., 0] >= 0).nonzero(as_tuple=True)
    times = intervals[row, place]
    inside = (middles >= times[:, :1] - GUIDE_SLACK) & (middles <= times[:, 1:] + GUIDE_SLACK)
    is_seen = inside.any(-1)
    row, place, inside = row[is_seen], place[is_seen], inside[is_seen]
    if not len(row):
        return intervals.new_zeros(())
    total = intervals.new_zeros(())
    for layer in attention:
        weights = layer.transpose(1, 2)[row, place]  # (asked, heads, frames)
        total = total - weights.masked_fill(~inside[:, None], FAR).logsumexp(-1).mean()
    return total / len(attention)


def _mean(right: Tensor) -> float:
    return right.float().mean().item() if right.numel() else float("nan")
