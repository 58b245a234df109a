"""Loops: what a beam writes over and over until it has no room left, and is then thrown away for.

Only text counts: in a loop with timestamps these go on. A loop is told by how many tokens in a row
are those of a period before; a period is at most `LONGEST_PERIOD` tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

LONGEST_PERIOD = 24
"""Tokens. Loops of whole sentences are about 8 to 15."""


def begin(windows: int, beams: int, device: torch.device) -> Tensor:
    """Of beams that have written nothing, [w, b, 2, `LONGEST_PERIOD`]: the newest text tokens, the
    last first; and for each period how many tokens in a row are those of a period before."""
    shape = (windows, beams, 2, LONGEST_PERIOD)
    return torch.zeros(*shape, dtype=torch.int64, device=device)


def follow(repeats: Tensor, source: Tensor, token: Tensor, is_text: Tensor) -> Tensor:
    """`repeats` of the beams that continue the beams `source` [w, b] with `token` [w, b]."""
    before = repeats.gather(1, source[..., None, None].expand_as(repeats))
    recent, runs = before.unbind(2)
    longer = torch.where(recent == token[..., None], runs + 1, 0)
    shifted = torch.cat([token[..., None], recent[..., :-1]], -1)
    return torch.where(is_text[..., None, None], torch.stack([shifted, longer], 2), before)


def is_over(repeats: Tensor, is_alive: Tensor, is_sampling: Tensor, most: Tensor) -> Tensor:
    """Windows [w] that nothing but a loop can come out of: where there are more than `most` [w]
    repeated tokens in the best beam, which is the first, or in every sample that goes on."""
    loops = repeats[:, :, 1].amax(-1) > most[:, None]
    return torch.where(is_sampling, (loops | ~is_alive).all(-1), loops[:, 0])
