"""What repeats itself is told from what does not, and ends a search that may be ended for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from benchmarks.speed.search_equality import EOT, TIMESTAMPS, Case, Prefix, run_together
from decoding.search import repetition
from decoding.search.hypotheses import Hypothesis, best_hypothesis
from decoding.search.repetition import LONGEST_PERIOD
from decoding.search.state import ANY_LOOP

BEAMS = 3


def runs_of(text: list[int]) -> list[int]:
    """For each period how many tokens at the end of `text` are those of a period before."""
    runs = []
    for period in range(1, LONGEST_PERIOD + 1):
        same = [now == before for before, now in zip(text, text[period:], strict=False)]
        runs.append(next((n for n, one in enumerate(reversed(same)) if not one), len(same)))
    return runs


@pytest.mark.parametrize("seed", range(5))
def test_runs_are_those_of_each_beams_own_text(seed):
    """Beams continue each other; timestamps between the text are no part of it."""
    rng = np.random.default_rng(seed)
    repeats = repetition.begin(1, BEAMS, torch.device("cpu"))
    texts: list[list[int]] = [[] for _ in range(BEAMS)]
    for _ in range(60):
        source, token = rng.integers(BEAMS, size=BEAMS), rng.integers(1, 4, size=BEAMS)
        is_text = rng.random(BEAMS) < 0.8
        told = (torch.from_numpy(one)[None] for one in (source, token, is_text))
        repeats = repetition.follow(repeats, *told)
        texts = [
            [*texts[at], one] if counts else texts[at]
            for at, one, counts in zip(source.tolist(), token.tolist(), is_text, strict=True)
        ]
        assert repeats[0, :, 1].tolist() == [runs_of(text) for text in texts]


@pytest.mark.parametrize(
    ("loops", "alive", "is_sampling", "is_over"),
    [
        ([True, False, False], [True, True, True], False, True),  # the best beam
        ([False, True, True], [True, True, True], False, False),
        ([True, True, False], [True, True, True], True, False),  # a sample that goes on
        ([True, True, False], [True, True, False], True, True),
        ([False, False, False], [True, True, True], True, False),
    ],
)
def test_a_search_is_over_by_its_best_beam_or_all_its_samples(loops, alive, is_sampling, is_over):
    repeats = repetition.begin(1, BEAMS, torch.device("cpu"))
    repeats[0, :, 1, 6] = torch.where(torch.tensor(loops), 11, 10)
    told = torch.tensor([alive]), torch.tensor([is_sampling]), torch.tensor([10])
    assert repetition.is_over(repeats, *told).tolist() == [is_over]


@dataclass(frozen=True)
class Loop(Case):
    """Writes the same `period` tokens over and over, behind some others; ends after `length`."""

    period: int = 5
    before: int = 4
    length: int = 1000

    def logits(self, prefix: Prefix) -> torch.Tensor:
        values = super().logits(prefix)
        values[TIMESTAMPS:] -= 20.0
        values[EOT] += 20.0 * (2 if len(prefix) >= self.length else -1)
        place = len(prefix) - self.before
        values[20 + len(prefix) if place < 0 else 50 + place % self.period] += 20.0
        return values


def heard(case: Loop, longest_loop: int) -> Hypothesis:
    plan = replace(case.plan, longest_loop=longest_loop)
    return best_hypothesis(run_together([case], [plan], 5).rows(0, 1), None)


@pytest.mark.parametrize("beam_size", [1, 5])
@pytest.mark.parametrize("period", [1, 5, LONGEST_PERIOD])
def test_a_loop_ends_a_search(beam_size, period):
    case = Loop(1, beam_size, budget=80, has_timestamps=False, period=period)
    found, whole = heard(case, 12), heard(case, ANY_LOOP)
    assert len(found.tokens) == case.before + period + 12 + 1
    assert found.tokens == whole.tokens[: len(found.tokens)]
    assert (found.is_loop, found.is_truncated) == (True, True)
    assert (whole.is_loop, whole.is_truncated, len(whole.tokens)) == (False, True, case.budget)


def test_text_that_ends_before_it_repeats_too_much_is_no_loop():
    case = Loop(2, budget=80, has_timestamps=False, length=20)
    found = heard(case, 12)
    assert (len(found.tokens), found.is_loop, found.is_truncated) == (20, False, False)


def test_a_longer_period_is_no_loop():
    case = Loop(3, budget=80, has_timestamps=False, period=LONGEST_PERIOD + 1)
    assert not heard(case, 12).is_loop
