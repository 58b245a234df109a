"""When each token was spoken: cross-attention of the heads that follow time, then DTW.

The text is read once more, whole, with the alignment heads probed. Attention weights are
normalised over tokens, smoothed over time, and dynamic time warping finds the path of least cost.
The method and its numbers are openai-whisper's but for `FAINT`; the batch is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from decoding.device.transfer import PendingCopies
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import Audio, CrossAttentionProbe, NoCache
from decoding.timing.dtw import token_frames

FILTER_WIDTH = 7
# Compare and exchange so, and the median of seven is in the middle: several times faster than to
# sort. tests/decoding/timing/test_token_alignment.py tries every order of seven.
EXCHANGES = (
    (0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6),
    (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4),
)  # fmt: skip
TOKENS_AT_ONCE = 16  # of a median; what it compares stays in the core's own cache
# Added to the spread of a frame's weights over the tokens before they are divided by it. Without
# (as in openai-whisper) a frame that no token looks at counts as much as any other, and behind 20 s
# of silence whole sentences were placed in it. The spread is some 0.05 where somebody speaks.
FAINT = 1e-3
FRAMES_PER_SECOND = 50  # of the encoder
SAMPLES_PER_FRAME = 320


@dataclass(frozen=True, slots=True)
class AlignmentRequest:
    """A text to be aligned: `start` is its start-of-transcript sequence, `frames` of audio."""

    start: tuple[int, ...]
    text: tuple[int, ...]
    frames: int


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """Per text token its probability; `starts` [n + 1] in seconds, the last ends the text."""

    starts: NDArray[np.float64]
    probabilities: NDArray[np.float64]


def audio_frames(num_samples: int) -> int:
    """Encoder frames that hold sound rather than padding, at least one."""
    return max(1, num_samples // SAMPLES_PER_FRAME)


@dataclass(frozen=True, slots=True)
class AlignmentText:
    """What is read for a request: start, no-timestamps, text, end-of-text.

    `text`: how many tokens of the request's text fit; `first`: the position whose logits predict
    the first of them.
    """

    tokens: tuple[int, ...]
    text: int
    first: int

    @classmethod
    def of(cls, model: LoadedModel, request: AlignmentRequest) -> AlignmentText:
        vocabulary = model.vocabulary
        room = model.dimensions.n_text_ctx - len(request.start) - 2
        text = request.text[:room]
        tokens = (*request.start, vocabulary.no_timestamps, *text, vocabulary.eot)
        return cls(tokens, len(text), len(request.start))


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """Where windows end that were padded: `tokens` [w] of their texts, `frames` [w] of sound."""

    tokens: Tensor
    frames: Tensor


def read_again(
    model: LoadedModel, texts: Tensor, audio: Audio, first: int, frames: int, ends: Ends | None
) -> tuple[Tensor, Tensor]:
    """What times and probabilities of texts [w, n] are found from; asks the host for nothing.

    `audio` holds the same windows, of which `frames` are looked at; `ends`: None where nothing is
    padded. Returns of the positions from `first` on the costs [w, n - first - 1, frames] of lying
    at a frame, and the probabilities of the next tokens [w, n - first - 2] among all text tokens.
    """
    probe = CrossAttentionProbe(model.alignment_heads)
    logits = model.decoder.logits(model.decoder.read(texts, audio, NoCache(), probe))
    scores = torch.cat(probe.scores, 1)[..., :frames]  # [w, heads, tokens, frames]
    likely = _probabilities(model, logits[:, first:-2], texts[:, first + 1 : -1])
    return _cost(scores, ends)[:, first:-1], likely


class Alignment:
    """Several requests whose texts were read again: DTW on the host when asked for.

    `cost` and `likely` are `read_again`'s, and are on their way to the host. No text may be empty.
    Text beyond the model's context is given the end's time.
    """

    def __init__(
        self,
        requests: Sequence[AlignmentRequest],
        texts: Sequence[AlignmentText],
        cost: Tensor,
        likely: Tensor,
    ) -> None:
        self._requests, self._texts = requests, texts
        self._figures = PendingCopies([cost, likely])

    def times(self, at: int) -> TokenTimes:
        """Of the tokens of one request."""
        request, count = self._requests[at], self._texts[at].text
        cost, likely = (figure[at] for figure in self._figures.here())
        frames = token_frames(-cost[: count + 1, : request.frames].double().numpy())
        return _padded(frames, likely[:count].double().numpy(), len(request.text))


def _probabilities(model: LoadedModel, logits: Tensor, tokens: Tensor) -> Tensor:
    """Probability of each token [w, n] among all text tokens, from logits [w, n, columns]."""
    columns = model.decoder.columns
    chosen = columns.column_of[tokens]
    counted = logits + columns.plain_bias
    counted[..., columns.layout.eot : columns.layout.end].fill_(float("-inf"))
    likely = logits.gather(-1, chosen[..., None])[..., 0] - counted.logsumexp(-1)
    return likely.exp()


def _cost(scores: Tensor, ends: Ends | None = None) -> Tensor:
    """Attention scores [w, heads, tokens, frames] -> one smooth map [w, tokens, frames] of each."""
    if ends is not None:  # what is behind them counts in no sum
        at = torch.arange(scores.shape[-1], device=scores.device)
        scores = scores.masked_fill(at >= ends.frames[:, None, None, None], float("-inf"))
    weights = scores.softmax(-1)
    deviation, mean = _spread(weights, ends)
    weights = (weights - mean) / (deviation + FAINT)
    tokens = TOKENS_AT_ONCE if weights.device.type == "cpu" else weights.shape[2]
    parts = torch.split(weights, tokens, dim=2)
    frames = None if ends is None else ends.frames[:, None, None, None]
    return torch.cat([_median(part, frames).mean(1) for part in parts], 1)


def _spread(weights: Tensor, ends: Ends | None) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over the tokens, each [w, heads, 1, frames]."""
    if ends is None:
        deviation, mean = torch.std_mean(weights, dim=-2, keepdim=True, correction=0)
        return deviation, mean
    at, count = torch.arange(weights.shape[2], device=weights.device), ends.tokens[:, None]
    share = ((at < count) / count)[:, None, :, None]
    mean = (weights * share).sum(-2, keepdim=True)
    return ((weights - mean).square() * share).sum(-2, keepdim=True).sqrt(), mean


def _median(weights: Tensor, frames: Tensor | None = None) -> Tensor:
    """Median over FILTER_WIDTH frames around each, edges reflected.

    `frames` [w, 1, 1, 1] of weights [w, heads, tokens, n]: where the last edge is; None: at n.
    """
    reach, count = FILTER_WIDTH // 2, weights.shape[-1]
    if count <= reach:
        return weights
    padded = _reflected(weights, frames)
    around = [padded[..., start : start + count] for start in range(FILTER_WIDTH)]
    for low, high in EXCHANGES:
        smaller = torch.minimum(around[low], around[high])
        around[high] = torch.maximum(around[low], around[high])
        around[low] = smaller
    if frames is None:
        return around[reach]
    return torch.where(frames > reach, around[reach], weights)


def _reflected(weights: Tensor, frames: Tensor | None) -> Tensor:
    """Weights with a median's reach more at both edges."""
    reach, count = FILTER_WIDTH // 2, weights.shape[-1]
    if frames is None:
        rows = F.pad(weights.flatten(0, -2), (reach, reach), mode="reflect")
        return rows.view(*weights.shape[:-1], -1)
    at = torch.arange(-reach, count + reach, device=weights.device).abs()
    inside = (frames - 1 - (frames - 1 - at).abs()).clamp(min=0)
    return weights.gather(-1, inside.expand(*weights.shape[:-1], -1))


def _padded(
    frames: NDArray[np.int64], probabilities: NDArray[np.float64], count: int
) -> TokenTimes:
    """Tokens that did not fit get the last time and no probability."""
    missing = count - len(probabilities)
    starts = np.pad(frames / FRAMES_PER_SECOND, (0, missing), mode="edge")
    return TokenTimes(starts, np.pad(probabilities, (0, missing)))
