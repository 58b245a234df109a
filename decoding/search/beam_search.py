"""Beam search and sampling over many windows at once, as tensor operations.

Rows are windows x beams; every window has its own beam size, budget, temperature and progress. The
rules are openai-whisper's, candidate for candidate. Knows logits alone: neither audio nor caches.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from decoding.model.logit_columns import TokenLayout
from decoding.search import repetition
from decoding.search.logit_rules import Scored, allowed_logits, score
from decoding.search.state import IMPOSSIBLE, SearchState


@dataclass(frozen=True, slots=True)
class Choice:
    """Next tokens, the beams they continue and their totals, each [w, b]; and what ended."""

    token: Tensor
    source: Tensor
    total: Tensor
    ended: Tensor  # [w, candidates] whether the candidate is a finished hypothesis
    ended_total: Tensor  # [w, candidates]
    ended_source: Tensor  # [w, candidates]
    ended_timestamp: Tensor  # [w, candidates] the token that ended it, -1: end-of-text

    def put_into(self, other: Choice, rows: Tensor) -> None:
        """Replace the windows `rows` [r] of the other [w, ..] by these, [r, ..].

        The other has at least as many candidates; of its further ones none has ended.
        """
        beams = self.token.shape[1]
        other.token[rows], other.source[rows], other.total[rows] = (
            self.token,
            self.source,
            self.total,
        )
        other.ended.index_fill_(0, rows, False)
        other.ended[rows, :beams] = self.ended
        other.ended_total[rows, :beams] = self.ended_total
        other.ended_source[rows, :beams] = self.ended_source
        other.ended_timestamp[rows, :beams] = self.ended_timestamp


def advance(
    state: SearchState, logits: Tensor, layout: TokenLayout, sampling: Tensor | None = None
) -> Tensor:
    """One step for every window of `state`. Returns the source beam [w, b] of each new beam.

    `logits` [w, b, columns], or [w, 1, columns] at the first step, suppressed ones already at
    minus infinity. `sampling` [r] names the windows that sample, some perhaps twice; None: nobody
    does. Windows that are done stay as they are.
    """
    beams = state.total.shape[1]
    scored = score(logits, state, layout, beams + 1)
    choice = _search(state, scored, layout)
    if sampling is not None:
        _sample(state, scored, logits, layout, sampling).put_into(choice, sampling)
    _record_ended(state, choice)
    _record_step(state, choice, layout)
    return choice.source


def _search(state: SearchState, scored: Scored, layout: TokenLayout) -> Choice:
    windows, beams = state.total.shape
    width = scored.logprob.shape[-1]
    shape = (windows, beams, width)
    # 1. every beam brings its best (beam size + 1) continuations
    rank = torch.arange(width, device=state.total.device)
    total = scored.logprob.expand(shape) + state.total[..., None]
    total = total.masked_fill(rank > state.beam_size[:, None, None], IMPOSSIBLE).view(windows, -1)
    # 2. all of a window in order; sorting is stable, as openai-whisper's
    total, order = torch.sort(total, dim=-1, descending=True, stable=True)
    token = scored.token.expand(shape).reshape(windows, -1).gather(1, order)
    source = torch.div(order, width, rounding_mode="floor")
    # 3. the first (beam size) that go on, go on; what ended before the last of them, has finished
    goes_on = ~_ends(token, state.stop_timestamp, layout)
    place = goes_on.cumsum(-1)
    size = state.beam_size[:, None]
    ended = ~goes_on & (place < size) & (total > IMPOSSIBLE)
    target = torch.where(goes_on & (place <= size), place - 1, beams)
    return Choice(
        _placed(token, target, beams, layout.eot),
        _placed(source, target, beams, 0),
        _placed(total, target, beams, IMPOSSIBLE),
        ended,
        total,
        source,
        _timestamp(token, layout),
    )


def _ends(token: Tensor, stop_timestamp: Tensor, layout: TokenLayout) -> Tensor:
    """Which of the tokens [w, n] end a hypothesis: end-of-text, and a window's timestamps from
    `stop_timestamp` [w] on."""
    return (token == layout.eot) | (token >= layout.timestamp_begin + stop_timestamp[:, None])


def _timestamp(token: Tensor, layout: TokenLayout) -> Tensor:
    """The tokens [w, n] that are timestamps, -1 elsewhere."""
    return torch.where(token >= layout.timestamp_begin, token, -1)


def _placed(values: Tensor, target: Tensor, count: int, default: float) -> Tensor:
    """values [w, n] put at target [w, n] of [w, count]; target == count is thrown away."""
    result = values.new_full((len(values), count + 1), default)
    return result.scatter_(1, target, values)[:, :count]


def _sample(
    state: SearchState, scored: Scored, logits: Tensor, layout: TokenLayout, rows: Tensor
) -> Choice:
    """Every beam of the windows `rows` draws one token and goes on by itself."""
    total, beams = state.total[rows], state.total.shape[1]
    time = state.time[rows].clamp(max=state.uniforms.shape[1] - 1)
    uniform = state.uniforms[rows, time]
    allowed = allowed_logits(logits[rows], scored, rows, layout).expand(-1, beams, -1)
    warmth = state.temperature[rows].double()[:, None, None]
    cumulative = (allowed.double() / warmth).softmax(-1).cumsum(-1)
    threshold = uniform[..., None] * cumulative[..., -1:]
    token = torch.searchsorted(cumulative, threshold, right=True)[..., 0]
    token = token.clamp(max=allowed.shape[-1] - 1)
    raw = allowed.gather(-1, token[..., None])[..., 0]
    is_alive = total != IMPOSSIBLE  # what is not a number stays that, and is seen at the end
    total = torch.where(is_alive, total + (raw - scored.normaliser[rows]), IMPOSSIBLE)
    ended = is_alive & _ends(token, state.stop_timestamp[rows], layout)
    own = torch.arange(beams, device=logits.device).expand_as(token)
    stamp = _timestamp(token, layout)
    return Choice(token, own, total.masked_fill(ended, IMPOSSIBLE), ended, total, own, stamp)


def _record_ended(state: SearchState, choice: Choice) -> None:
    """Append what ended to the finished hypotheses, best first, while there is room."""
    waste = state.finished_total.shape[1] - 1
    ended = choice.ended & ~state.is_done[:, None]
    place = state.num_finished[:, None] + ended.cumsum(-1) - 1
    has_room = ended & (place < state.max_finished[:, None])
    place = torch.where(has_room, place, waste)
    state.finished_total.scatter_(1, place, choice.ended_total)
    state.finished_time.scatter_(1, place, state.time[:, None].expand_as(place))
    state.finished_beam.scatter_(1, place, choice.ended_source)
    state.finished_timestamp.scatter_(1, place, choice.ended_timestamp)
    state.num_finished.add_(has_room.sum(-1))


def _record_step(state: SearchState, choice: Choice, layout: TokenLayout) -> None:
    """Write the step into the history and move every window that is not done on."""
    is_going = ~state.is_done
    window = torch.arange(len(state.time), device=state.time.device)
    time = state.time.clamp(max=state.tokens.shape[1] - 1)
    state.tokens[window, time] = torch.where(
        is_going[:, None], choice.token, state.tokens[window, time]
    )
    state.parents[window, time] = torch.where(
        is_going[:, None], choice.source, state.parents[window, time]
    )
    is_first = (state.time == 0)[:, None]
    is_timestamp = choice.token >= layout.timestamp_begin
    lowest = state.lowest_timestamp.gather(1, choice.source)
    lowest = torch.where(is_timestamp, choice.token - layout.timestamp_begin, lowest)
    previous = state.last_is_timestamp.gather(1, choice.source) | is_first
    is_text = choice.token < layout.eot
    most = state.longest_loop
    repeats = repetition.follow(state.repeats, choice.source, choice.token, is_text, most)
    keep = state.is_done[:, None]
    for kept, new in (
        (state.total, choice.total),
        (state.last, choice.token),
        (state.previous_is_timestamp, previous),
        (state.last_is_timestamp, is_timestamp),
        (state.lowest_timestamp, lowest),
    ):
        kept.copy_(torch.where(keep, kept, new))
    state.repeats.copy_(torch.where(keep[..., None, None], state.repeats, repeats))
    state.time.add_(is_going)
    is_full = state.num_finished >= state.max_finished
    is_alive = state.total != IMPOSSIBLE
    is_extinct = ~is_alive.any(-1)
    loops = repetition.is_over(state.repeats, is_alive, state.is_sampling, most)
    state.is_done.logical_or_(is_full | is_extinct | loops | (state.time >= state.budget))
