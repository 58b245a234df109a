"""Which token may come next: openai-whisper's timestamp rules as batched tensor operations.

The vocabulary is text tokens [0, eot), end-of-text, other signs, then timestamps. The large text
part is read twice (normaliser, best candidates) and never written; masks touch only the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from decoding.kernels.logsumexp import BLOCK, block_maxima_and_logsumexp
from decoding.model.logit_columns import TokenLayout

if TYPE_CHECKING:
    from decoding.search.state import SearchState

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Scored:
    """Best continuations of every row, best first.

    `token`, `logprob` [w, b, k]; `normaliser` [w, b] is what logits lose to become log
    probabilities; `text_off` [w, b, 1]: text is forbidden; `rest` [w, b, n] are the masked logits
    from end-of-text on.
    """

    token: Tensor
    logprob: Tensor
    normaliser: Tensor
    text_off: Tensor
    rest: Tensor


def score(logits: Tensor, state: SearchState, layout: TokenLayout, count: int) -> Scored:
    """The `count` best tokens that the rules allow after each beam, with log probabilities.

    `logits` [w, b, columns], of which the text is not changed, are those of the windows of `state`,
    [w, ..]; b may be 1 at the first step, when all beams of a window are one.
    """
    beams = logits.shape[1]
    text, rest = logits[..., : layout.eot], logits[..., layout.eot : layout.end].clone()
    signs = layout.timestamp_begin - layout.eot  # end-of-text and its like, not timestamps
    has_rules = state.has_timestamps[:, None]
    # 1. timestamps come in pairs, never go back, and close a segment later than they opened it
    last = state.last_is_timestamp[:, :beams] & has_rules
    pair_closed = last & state.previous_is_timestamp[:, :beams]
    pair_open = last & ~state.previous_is_timestamp[:, :beams]
    lowest = state.lowest_timestamp[:, :beams] + (~pair_open)
    lowest = torch.where(has_rules & (state.lowest_timestamp[:, :beams] >= 0), lowest, 0)
    offsets = torch.arange(rest.shape[-1] - signs, device=logits.device)
    forbidden = (offsets < lowest[..., None]) | pair_closed[..., None]
    rest[..., signs:].masked_fill_(forbidden, NEVER)
    # 2. where text may not end yet it goes on, but there may be none at all
    is_early = last & (state.lowest_timestamp[:, :beams] < state.earliest_end[:, None])
    rest[..., 0].masked_fill_(is_early & (state.time > 1)[:, None], NEVER)
    # 3. the text is only read
    largest, text_sum = block_maxima_and_logsumexp(logits, layout.eot)
    best, token = _best_of_text(text, largest, count)
    text_sum = _with_mass(text_sum, logits[..., layout.end :])
    text_off = pair_open[..., None]
    text_sum = text_sum.masked_fill(pair_open, NEVER)
    # 4. when all timestamps together are likelier than any other token, a timestamp it is
    timestamp_sum = rest[..., signs:].logsumexp(-1)
    other_sum = rest[..., :signs].logsumexp(-1)
    top_text = best[..., 0].masked_fill(pair_open, NEVER)
    forced = (timestamp_sum > torch.maximum(top_text, rest[..., :signs].amax(-1))) & has_rules
    rest[..., :signs].masked_fill_(forced[..., None], NEVER)
    text_off = text_off | forced[..., None]
    everything = torch.logaddexp(torch.logaddexp(text_sum, other_sum), timestamp_sum)
    normaliser = torch.where(forced, timestamp_sum, everything)
    normaliser = normaliser.masked_fill(normaliser == NEVER, 0.0)  # all forbidden: not "no number"
    # 5. the best of both parts
    value, at = torch.cat([best.masked_fill(text_off, NEVER), rest], -1).topk(count, -1)
    tokens = torch.where(
        at < best.shape[-1],
        token.gather(-1, at.clamp(max=best.shape[-1] - 1)),
        at - best.shape[-1] + layout.eot,
    )
    return Scored(tokens, value - normaliser[..., None], normaliser, text_off, rest)


def allowed_logits(logits: Tensor, scored: Scored, rows: Tensor, layout: TokenLayout) -> Tensor:
    """logits [r, b, end] of the windows `rows` with all that is forbidden at minus infinity."""
    text = logits[..., : layout.eot].masked_fill(scored.text_off[rows], NEVER)
    return torch.cat([text, scored.rest[rows]], -1)


def forbid_at_start(
    logits: Tensor, layout: TokenLayout, blank: tuple[int, ...], last_initial: int | None
) -> None:
    """Mask, in place, what may not be a window's first token [.., n_vocab].

    `blank`: tokens of an empty beginning. `last_initial`: None without timestamps, otherwise the
    offset of the last timestamp that may come first.
    """
    for column in blank:  # not the list as an index, which makes the host wait for the device
        logits[..., column] = NEVER
    if last_initial is not None:
        logits[..., : layout.timestamp_begin] = NEVER
        logits[..., layout.timestamp_begin + last_initial + 1 :] = NEVER


def _best_of_text(text: Tensor, largest: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest logits and their tokens: they lie in the blocks of the largest ones."""
    blocks = largest.shape[-1]
    nearest = largest.topk(min(count, blocks), -1).indices
    inside = torch.arange(BLOCK, device=text.device) * blocks
    place = (nearest[..., None] + inside).flatten(-2)
    left_over = torch.arange(blocks * BLOCK, text.shape[-1], device=text.device)
    place = torch.cat([place, left_over.expand(*place.shape[:-1], -1)], -1)
    best, at = text.gather(-1, place).topk(count, -1)
    return best, place.gather(-1, at)


def _with_mass(text_sum: Tensor, mass: Tensor) -> Tensor:
    """Log of the sum of all text's exponentials, those of the mass too."""
    return torch.logaddexp(text_sum, mass.logsumexp(-1)) if mass.shape[-1] else text_sum
