"""What repeats itself is told from what does not, and ends a search that may be ended for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from benchmarks.speed.search_equality import EOT, TIMESTAMPS, Case, Prefix, run_together
from decoding.search import repetition
from decoding.search.hypotheses import Hypothesis, best_hypothesis
from decoding.search.repetition import LONGEST_PERIOD, SLIP
from decoding.search.state import ANY_LOOP

BEAMS = 3


def runs_of(text: list[int], most: int) -> list[int]:
    """For each period how many tokens of `text` are those of a period before, less its slips."""
    return [_run_of(text, period, most) for period in range(1, LONGEST_PERIOD + 1)]


def _run_of(text: list[int], period: int, most: int) -> int:
    run = 0
    for before, now in zip(text, text[period:], strict=False):
        run = run + 1 if now == before or run > most else max(run - SLIP, 0)
    return run


@pytest.mark.parametrize(("seed", "most"), [(0, 6), (1, 6), (2, 3), (3, 3), (4, ANY_LOOP)])
def test_runs_are_those_of_each_beams_own_text(seed, most):
    """Beams continue each other; timestamps between the text are no part of it."""
    rng = np.random.default_rng(seed)
    repeats = repetition.begin(1, BEAMS, torch.device("cpu"))
    texts: list[list[int]] = [[] for _ in range(BEAMS)]
    for _ in range(60):
        source, token = rng.integers(BEAMS, size=BEAMS), rng.integers(1, 4, size=BEAMS)
        is_text = rng.random(BEAMS) < 0.8
        told = (torch.from_numpy(one)[None] for one in (source, token, is_text))
        repeats = repetition.follow(repeats, *told, torch.tensor([most]))
        texts = [
            [*texts[at], one] if counts else texts[at]
            for at, one, counts in zip(source.tolist(), token.tolist(), is_text, strict=True)
        ]
        assert repeats[0, :, 1].tolist() == [runs_of(text, most) for text in texts]


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
    """Writes the same `period` tokens over and over, behind some others; ends after `length`.
    Each `slips` tokens one is another."""

    period: int = 5
    before: int = 4
    length: int = 1000
    slips: int = 1000

    def logits(self, prefix: Prefix) -> torch.Tensor:
        values = super().logits(prefix)
        values[TIMESTAMPS:] -= 20.0
        values[EOT] += 20.0 * (2 if len(prefix) >= self.length else -1)
        place = len(prefix) - self.before
        slips = place % self.slips == self.slips - 1
        usual = 90 + place // self.slips if slips else 50 + place % self.period
        values[20 + len(prefix) if place < 0 else usual] += 20.0
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


@pytest.mark.parametrize(("slips", "is_loop"), [(4, False), (15, True)])
def test_a_loop_that_slips_is_one(slips, is_loop):
    case = Loop(4, budget=100, has_timestamps=False, period=3, slips=slips)
    found = heard(case, 20)
    assert (found.is_loop, len(found.tokens) < case.budget) == (is_loop, is_loop)


FORKS = {"loops": 60, "loops late": 61, "ends": 62}


@dataclass(frozen=True)
class Fork(Case):
    """A first token, of three as likely, tells what follows: a loop that is left after twenty
    tokens, one that begins behind twenty, or a few words, each as likely as another one."""

    def logits(self, prefix: Prefix) -> torch.Tensor:
        values = torch.full_like(super().logits(prefix), -30.0)
        place, loop, other = len(prefix), 70 + len(prefix) % 2, 20 + len(prefix) % 79
        first = prefix[0] if prefix else None
        if first is None:
            values[list(FORKS.values())] = 0.0
        elif first == FORKS["loops"]:
            values[loop if place <= 20 else other] = 30.0
        elif first == FORKS["loops late"]:
            values[other if place <= 20 else loop] = 30.0
        else:
            values[[80 + place, 90 + place] if place < 5 else [EOT]] = 30.0
        return values


def drawn(*samples: str) -> Hypothesis:
    """What is found by one sample for each of the forks named."""
    case = Fork(5, beam_size=len(samples), budget=60, has_timestamps=False)
    uniforms = torch.full((case.budget, len(samples)), 0.25, dtype=torch.float64)
    uniforms[0] = (torch.tensor([FORKS[name] - 60 for name in samples]) + 0.5) / len(FORKS)
    plan = replace(case.plan, temperature=1.0, uniforms=uniforms, longest_loop=12)
    return best_hypothesis(run_together([case], [plan], len(samples)).rows(0, 1), None)


def test_a_sample_that_has_ended_goes_before_those_that_loop():
    found = drawn("loops late", "ends", "loops late")
    assert found.tokens == (FORKS["ends"], 81, 82, 83, 84)
    assert (found.is_loop, found.is_truncated) == (False, False)


def test_a_sample_that_has_looped_is_not_waited_for():
    """It goes on with something else, which does not help it."""
    found = drawn("loops", "loops late")
    assert found.is_loop
    assert len(found.tokens) < 40
