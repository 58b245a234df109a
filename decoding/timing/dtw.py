"""Dynamic time warping of tokens against frames, compiled.

Ties and rounding (costs kept in single precision) are openai-whisper's, so that paths agree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoding.kernels.compiled import compiled

TOGETHER, TOKEN, FRAME = 0, 1, 2  # which of token and frame a step moves on


@compiled()
def _steps(cost: NDArray[np.float64]) -> NDArray[np.int8]:
    """The last step [tokens + 1, frames + 1] of the cheapest path to every cell."""
    tokens, frames = cost.shape
    total = np.full((tokens + 1, frames + 1), np.inf, dtype=np.float32)
    came = np.zeros((tokens + 1, frames + 1), dtype=np.int8)
    came[0, :] = FRAME
    came[:, 0] = TOKEN
    total[0, 0] = 0
    for i in range(1, tokens + 1):
        for j in range(1, frames + 1):
            both, token, frame = total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]
            if both < token and both < frame:
                least, step = both, TOGETHER
            elif token < both and token < frame:
                least, step = token, TOKEN
            else:
                least, step = frame, FRAME
            total[i, j] = cost[i - 1, j - 1] + least
            came[i, j] = step
    return came


@compiled()
def _first_frames(came: NDArray[np.int8]) -> NDArray[np.int64]:
    """Walk back from the last cell; a token's frame is the first one met on the path."""
    i, j = came.shape[0] - 1, came.shape[1] - 1
    first = np.zeros(i, dtype=np.int64)
    while i > 0 or j > 0:
        if i > 0:
            first[i - 1] = j - 1  # overwritten until the token's first frame is reached
        step = came[i, j]
        if step != FRAME:
            i -= 1
        if step != TOKEN:
            j -= 1
    return first


def token_frames(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """First frame of every token on the cheapest path through `cost` [tokens, frames]."""
    found: NDArray[np.int64] = _first_frames(_steps(np.ascontiguousarray(cost)))
    return found
