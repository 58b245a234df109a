"""Loops: what a beam writes over and over until it has no room left, and is then thrown away for.

Only text counts: in a loop with timestamps these go on. A loop is told by how many tokens are those
of a period before, less `SLIP` for each that is not: samples slip, and their loops go on. A period
is at most `LONGEST_PERIOD` tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

LONGEST_PERIOD = 24
"""Tokens. Loops of whole sentences are about 8 to 15."""
SLIP = 4
"""What repeats four of five tokens, as counting on from a hundred does, comes to no more and no
less; only what repeats more of them is a loop in the end."""


def begin(windows: int, beams: int, device: torch.device) -> Tensor:
    """Of beams that have written nothing, [w, b, 2, `LONGEST_PERIOD`]: the newest text tokens, the
    last first; and for each period how many of its tokens are those of a period before."""
    shape = (windows, beams, 2, LONGEST_PERIOD)
    return torch.zeros(*shape, dtype=torch.int64, device=device)


def follow(repeats: Tensor, source: Tensor, token: Tensor, is_text: Tensor, most: Tensor) -> Tensor:
    """`repeats` of the beams that continue the beams `source` [w, b] with `token` [w, b].

    What has repeated more than `most` [w] stays a loop, whatever follows.
    """
    before = repeats.gather(1, source[..., None, None].expand_as(repeats))
    recent, runs = before.unbind(2)
    is_same = (recent == token[..., None]) | (runs > most[:, None, None])
    longer = torch.where(is_same, runs + 1, (runs - SLIP).clamp(min=0))
    shifted = torch.cat([token[..., None], recent[..., :-1]], -1)
    return torch.where(is_text[..., None, None], torch.stack([shifted, longer], 2), before)


def is_over(repeats: Tensor, is_alive: Tensor, is_sampling: Tensor, most: Tensor) -> Tensor:
    """Windows [w] that nothing but a loop can come out of: where there are more than `most` [w]
    repeated tokens in the best beam, which is the first, or in every sample that goes on."""
    loops = repeats[:, :, 1].amax(-1) > most[:, None]
    return torch.where(is_sampling, (loops | ~is_alive).all(-1), loops[:, 0])
