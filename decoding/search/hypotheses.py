"""From a finished search to the tokens that it found, on the host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from decoding.device.transfer import PendingCopies
from decoding.search.minimum_bayes_risk import least_risk
from decoding.search.state import IMPOSSIBLE, SearchState

# What is read here of a search. The rest stays on the device.
READ = (
    "time", "total", "tokens", "parents", "beam_size", "budget", "max_finished", "is_sampling",
    "num_finished", "finished_total", "finished_time", "finished_beam", "finished_timestamp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Sampled columns (end-of-text not among them) and their summed log probability.

    Not `is_finite`: the model's numbers were none, so that nothing could be chosen. `is_enough`:
    its last timestamp ended it, not end-of-text. `is_loop`: it was ended for repeating itself.
    """

    tokens: tuple[int, ...]
    total: float
    is_truncated: bool
    is_finite: bool = True
    is_enough: bool = False
    is_loop: bool = False

    @property
    def avg_logprob(self) -> float:
        """As openai-whisper counts it: end-of-text is a token too."""
        return self.total / (len(self.tokens) + (not self.is_enough))


# A search in which nothing could be chosen, because all was forbidden or not a number, ends with
# this: finite, so that it can be written down, and worse than any text.
NOTHING_TOTAL = -100.0
LEAST_SHARE = 0.5
"""Of the tokens of the best ranked text."""


@dataclass(frozen=True, slots=True)
class _End:
    """Pointer to the last token of a hypothesis, and the timestamp behind it that ended it, if one
    did."""

    total: float
    length: int
    beam: int
    is_truncated: bool
    timestamp: int = -1


class PendingSearches:
    """Windows of searches on their way to where the host can read them, all with one question.

    `searches`: states of any number of windows, and which of them are wanted, [r]; `beside`: for
    each state numbers [w, n] of its windows.
    """

    def __init__(
        self, searches: Sequence[tuple[SearchState, Tensor]], beside: Sequence[Tensor]
    ) -> None:
        self._states = [state for state, _ in searches]
        asked = zip(searches, beside, strict=True)
        self._copies = PendingCopies(
            [_report(state, rows, numbers) for (state, rows), numbers in asked]
        )

    def here(self) -> list[tuple[SearchState, list[float]]]:
        """One window after the other: the search of that window alone, and its numbers."""
        reports = zip(self._states, self._copies.here(), strict=True)
        return [_told(row, state) for state, report in reports for row in report]


def _report(state: SearchState, rows: Tensor, numbers: Tensor) -> Tensor:
    """[r, n] of double precision, which holds tokens and totals exactly."""
    parts = [*(getattr(state, name) for name in READ), numbers]
    whole = torch.cat([one.flatten(1).double() for one in _columns(parts)], 1)
    return whole.index_select(0, rows)


def _columns(parts: Sequence[Tensor]) -> list[Tensor]:
    return [one[:, None] if one.dim() == 1 else one for one in parts]


def _told(row: Tensor, state: SearchState) -> tuple[SearchState, list[float]]:
    """The window of one row of a report [n] of `state`, and the numbers beside it."""
    read, at = {}, 0
    for name in READ:
        like = getattr(state, name)
        count = like[:1].numel()
        read[name] = row[at : at + count].view(1, *like.shape[1:]).to(like.dtype)
        at += count
    return replace(state, **read), row[at:].tolist()


def best_hypothesis(
    state: SearchState, length_penalty: float | None, text_end: int | None = None
) -> Hypothesis:
    """The best ranked hypothesis of one window; `state` holds that window alone, on the host.

    `text_end`: the first column that is not text; of the finished hypotheses of a beam search that
    is then taken whose text has the least risk (decoding/search/minimum_bayes_risk.py), unless the
    likeliest is not finished. Without it, and of samples, the likeliest, as openai-whisper does.

    Empty, and improbable, when the search found none. Hypotheses whose sum is not a number are
    none. Samples that loop, for which it was ended, are none either where another has finished:
    it is as good as if it had been drawn alone, and loops are the likeliest of all.
    """
    ends = [end for end in _finished(state) if not math.isnan(end.total)]
    beam_size = int(state.beam_size[0])
    loops = bool(state.is_sampling[0]) and _has_room(state)
    if len(ends) < beam_size and not (ends and loops):
        ends += _unfinished(state)[: beam_size - len(ends)]
    if not ends:
        is_finite = not any(map(math.isnan, state.total[0].tolist()))
        return Hypothesis((), NOTHING_TOTAL, is_truncated=True, is_finite=is_finite)
    best = max(ends, key=lambda end: _rank(end, length_penalty))  # the first of equals
    if text_end is not None and not best.is_truncated and not state.is_sampling[0]:
        best = _least_risk(state, best, ends, length_penalty, text_end)
    is_enough = best.timestamp >= 0
    is_loop = best.is_truncated and _has_room(state)
    return Hypothesis(
        _tokens(state, best), best.total, best.is_truncated, is_enough=is_enough, is_loop=is_loop
    )


def _finished(state: SearchState) -> list[_End]:
    count = int(state.num_finished[0])
    columns = (
        state.finished_total,
        state.finished_time,
        state.finished_beam,
        state.finished_timestamp,
    )
    values = (column[0, :count].tolist() for column in columns)
    return [
        _End(total, time, beam, is_truncated=False, timestamp=timestamp)
        for total, time, beam, timestamp in zip(*values, strict=True)
    ]


def _has_room(state: SearchState) -> bool:
    """Whether the search of one window was ended before it had found enough or had no room left."""
    is_full = state.num_finished[0] >= state.max_finished[0]
    return not is_full and bool(state.time[0] < state.budget[0])


def _unfinished(state: SearchState) -> list[_End]:
    time = int(state.time[0])
    totals = state.total[0].tolist()
    ends = [
        _End(total, time, beam, is_truncated=True)
        for beam, total in enumerate(totals)
        if total > IMPOSSIBLE
    ]
    return sorted(ends, key=lambda end: end.total, reverse=True)


def _rank(end: _End, length_penalty: float | None) -> float:
    return end.total / _weight_of(end.length, length_penalty)


def _weight_of(length: int, length_penalty: float | None) -> float:
    """By what a sum of log probabilities is divided, so that longer texts are not worse for it."""
    if length_penalty is None:
        return max(1, length)
    return float(((5 + length) / 6) ** length_penalty)


def _least_risk(
    state: SearchState,
    best: _End,
    ends: Sequence[_End],
    length_penalty: float | None,
    text_end: int,
) -> _End:
    """The finished hypothesis of least risk; `best` is the best ranked of them.

    Each is as probable as its rank says of a text as long as the best: sums of log probabilities
    alone favour what ended early. Of that there are many copies, since a search that has found
    enough is over: what has less than `LEAST_SHARE` of the best's text has no say.
    """
    found = [best, *(end for end in ends if end is not best and not end.is_truncated)]
    texts = [[token for token in _tokens(state, end) if token < text_end] for end in found]
    least = LEAST_SHARE * len(texts[0])
    able = [(end, text) for end, text in zip(found, texts, strict=True) if len(text) >= least]
    usual = _weight_of(best.length, length_penalty)
    logprobs = [_rank(end, length_penalty) * usual for end, _ in able]
    return able[least_risk([text for _, text in able], logprobs)][0]


def _tokens(state: SearchState, end: _End) -> tuple[int, ...]:
    """Follow the back-pointers from the last token to the first; a timestamp that ended the
    hypothesis is its last."""
    tokens = state.tokens[0, : end.length].tolist()
    parents = state.parents[0, : end.length].tolist()
    found, beam = [], end.beam
    for step in reversed(range(end.length)):
        found.append(tokens[step][beam])
        beam = parents[step][beam]
    closing = () if end.timestamp < 0 else (end.timestamp,)
    return (*reversed(found), *closing)
