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

from decoding.device.transfer import PendingCopies, send
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import Audio, CrossAttentionProbe, NoCache, padded
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


class Alignment:
    """Several requests: read again by the device at once, DTW on the host when asked for.

    `audio` holds the same windows, each layer [w, ...], and is needed no longer than this is made.
    No text may be empty. Text beyond the model's context is given the end's time.
    """

    def __init__(
        self, model: LoadedModel, audio: Audio, requests: Sequence[AlignmentRequest]
    ) -> None:
        self._requests = requests
        layout = [_Layout.of(model, request) for request in requests]
        probe = CrossAttentionProbe(model.alignment_heads)
        texts = send(padded([row.tokens for row in layout]), model.device)
        logits = model.decoder.logits(model.decoder.read(texts, audio, NoCache(), probe))
        scores = torch.cat(probe.scores, 1)  # [w, heads, tokens, frames]
        figures = []
        for at, (request, row) in enumerate(zip(requests, layout, strict=True)):
            # each row without its padding, which would count in means and at a median's edges
            matrix = _cost(scores[at, :, : row.length, : request.frames])
            spoken = slice(row.first, row.first + len(row.text))
            likely = _probabilities(model, logits[at, spoken], row.text)
            figures += [matrix[row.first : row.length - 1], likely]
        self._figures = PendingCopies(figures)

    def times(self, at: int) -> TokenTimes:
        """Of the tokens of one request."""
        cost, likely = self._figures.here()[2 * at : 2 * at + 2]
        frames = token_frames(-cost.double().numpy())
        return _padded(frames, likely.double().numpy(), len(self._requests[at].text))


@dataclass(frozen=True, slots=True)
class _Layout:
    """One row of the batch: start, no-timestamps, text, end-of-text."""

    tokens: tuple[int, ...]
    text: tuple[int, ...]
    first: int  # position whose logits predict the first text token

    @classmethod
    def of(cls, model: LoadedModel, request: AlignmentRequest) -> _Layout:
        vocabulary = model.vocabulary
        room = model.dimensions.n_text_ctx - len(request.start) - 2
        text = request.text[:room]
        tokens = (*request.start, vocabulary.no_timestamps, *text, vocabulary.eot)
        return cls(tokens, text, len(request.start))

    @property
    def length(self) -> int:
        return len(self.tokens)


def _probabilities(model: LoadedModel, logits: Tensor, text: tuple[int, ...]) -> Tensor:
    """Probability of each text token [n] among all text tokens, from logits [n, columns]."""
    columns = model.decoder.columns
    chosen = columns.column_of[send(text, logits.device)]
    counted = logits + columns.plain_bias
    counted[:, columns.layout.eot : columns.layout.end] = float("-inf")
    likely = logits.gather(1, chosen[:, None])[:, 0] - counted.logsumexp(-1)
    return likely.exp()


def _cost(scores: Tensor) -> Tensor:
    """Attention scores [heads, tokens, frames] -> one smooth map [tokens, frames]."""
    weights = scores.softmax(-1)
    deviation, mean = torch.std_mean(weights, dim=-2, keepdim=True, correction=0)
    weights = (weights - mean) / (deviation + FAINT)
    tokens = TOKENS_AT_ONCE if weights.device.type == "cpu" else weights.shape[1]
    parts = torch.split(weights, tokens, dim=1)
    return torch.cat([_median(part).mean(0) for part in parts])


def _median(weights: Tensor) -> Tensor:
    """Median over FILTER_WIDTH frames around each, edges reflected."""
    reach = FILTER_WIDTH // 2
    if weights.shape[-1] <= reach:
        return weights
    padded = F.pad(weights, (reach, reach), mode="reflect")
    count = weights.shape[-1]
    around = [padded[..., start : start + count] for start in range(FILTER_WIDTH)]
    for low, high in EXCHANGES:
        smaller = torch.minimum(around[low], around[high])
        around[high] = torch.maximum(around[low], around[high])
        around[low] = smaller
    return around[reach]


def _padded(
    frames: NDArray[np.int64], probabilities: NDArray[np.float64], count: int
) -> TokenTimes:
    """Tokens that did not fit get the last time and no probability."""
    missing = count - len(probabilities)
    starts = np.pad(frames / FRAMES_PER_SECOND, (0, missing), mode="edge")
    return TokenTimes(starts, np.pad(probabilities, (0, missing)))
