"""Which of the hypotheses of a search is taken, of planted ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch

from decoding.search.hypotheses import Hypothesis, best_hypothesis
from decoding.search.state import Plan, SearchState

EOT = 50
STAMP = 60  # of the columns from there on


@dataclass(frozen=True)
class Ended:
    """Tokens and the mean log probability of each; `behind`: a timestamp that ended them."""

    tokens: tuple[int, ...]
    mean: float
    behind: int = -1
    is_finished: bool = True


def searched(*ended: Ended, is_sampling: bool = False) -> SearchState:
    """Each in a beam of its own."""
    count, steps = len(ended), max(len(one.tokens) for one in ended) + 1
    uniforms = torch.zeros(steps, count, dtype=torch.float64) if is_sampling else None
    plan = Plan(count, count, steps, 0.0, has_timestamps=True, uniforms=uniforms)
    state = SearchState.allocate(1, count, steps, torch.device("cpu"))
    state.start(torch.tensor([plan.numbers], dtype=torch.float64))
    state.time.fill_(steps)
    for beam, one in enumerate(ended):
        length = len(one.tokens)
        state.tokens[0, :length, beam] = torch.tensor(one.tokens, dtype=torch.int64)
        state.parents[0, :, beam] = beam
        state.total[0, beam] = one.mean * steps
        if one.is_finished:
            at = int(state.num_finished[0])
            state.finished_total[0, at] = one.mean * max(1, length)
            state.finished_time[0, at] = length
            state.finished_beam[0, at] = beam
            state.finished_timestamp[0, at] = one.behind
            state.num_finished.add_(1)
    return state


def taken(*ended: Ended, length_penalty: float | None = None, **how: bool) -> Hypothesis:
    return best_hypothesis(searched(*ended, **how), length_penalty, EOT)


WORDS = tuple(range(1, 9))
OTHERS = (*WORDS[:3], 40, *WORDS[4:])


def stamped(text: Sequence[int], first: int) -> tuple[int, ...]:
    return (STAMP + first, *text, STAMP + 9)


def test_one_text_with_several_timestamps_counts_as_often() -> None:
    """Each a little less likely than the other text."""
    ended = [Ended(stamped(OTHERS, 0), -0.30)]
    ended += [Ended(stamped(WORDS, at), -0.31) for at in (1, 2)]
    assert best_hypothesis(searched(*ended), None).tokens == stamped(OTHERS, 0)
    assert taken(*ended).tokens == stamped(WORDS, 1)
    ended[1:] = [Ended(stamped(WORDS, at), -0.50) for at in (1, 2)]
    assert taken(*ended).tokens == stamped(OTHERS, 0)


@pytest.mark.parametrize("length_penalty", [None, 0.0, 0.6, 1.0])
def test_however_texts_are_ranked(length_penalty: float | None) -> None:
    ended = [Ended(OTHERS, -0.30), Ended(stamped(WORDS, 1), -0.24), Ended(stamped(WORDS, 2), -0.24)]
    assert taken(*ended, length_penalty=length_penalty).tokens == stamped(WORDS, 1)


def test_the_likeliest_is_taken_of_samples() -> None:
    ended = [Ended(OTHERS, -0.30), Ended(WORDS, -0.31), Ended(WORDS, -0.31)]
    assert taken(*ended).tokens == WORDS
    assert taken(*ended, is_sampling=True).tokens == OTHERS


@pytest.mark.parametrize("short", [(), (1, 2, 3)])
def test_what_ended_early_has_no_say(short: tuple[int, ...]) -> None:
    """Many are found of it, and each is nearly as likely."""
    text = tuple(range(1, 23))
    ended = [Ended(text, -0.30)]
    ended += [Ended(stamped(short, at), -0.31) for at in range(4)]
    assert taken(*ended).tokens == text


def test_of_nothing_but_timestamps_the_likeliest_is_taken() -> None:
    ended = [Ended(stamped((), 0), -0.2), Ended(stamped(WORDS, 1), -0.3)]
    assert taken(*ended).tokens == stamped((), 0)
    assert taken(Ended((), -0.2)).tokens == ()


def test_what_has_no_end_has_no_say() -> None:
    loops = [Ended(WORDS * 3, -0.31, is_finished=False) for _ in range(3)]
    found = taken(Ended(OTHERS * 3, -0.30), *loops)
    assert (found.tokens, found.is_truncated) == (OTHERS * 3, False)


def test_what_a_timestamp_ended_keeps_it() -> None:
    ended = [Ended(OTHERS, -0.30), *(Ended(WORDS, -0.31, behind=STAMP + at) for at in (3, 4))]
    found = taken(*ended)
    assert (found.tokens, found.is_enough) == ((*WORDS, STAMP + 3), True)
    assert found.avg_logprob == pytest.approx(-0.31 * len(WORDS) / (len(WORDS) + 1))
