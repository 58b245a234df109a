"""The search alone, on made-up logits, against openai-whisper's filters and beam search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from whisper.decoding import SuppressBlank, SuppressTokens

from benchmarks.speed.search_equality import (
    EOT,
    SUPPRESSED,
    TIMESTAMPS,
    Case,
    SearchEquality,
    SmallTokenizer,
    compare,
    compare_many,
    made_up,
    openai_search,
    run_together,
)
from decoding.search.hypotheses import Hypothesis, best_hypothesis
from decoding.search.state import Plan


def assert_same_search(cases: list[Case], width: int) -> None:
    found = compare(cases, width)
    assert found.equal == len(cases)
    assert found.largest_score_difference < 1e-4


@pytest.mark.parametrize("beam_size", [1, 2, 3, 4, 5, 6, 8])
def test_same_as_openai(beam_size):
    assert_same_search(made_up(8, beam_size, beam_size), beam_size)


def test_same_as_openai_with_beam_sizes_mixed():
    cases = [case for size in (1, 2, 3, 5, 8) for case in made_up(3, size, 40 + size)]
    assert_same_search(cases, 8)


def test_timestamps_at_the_end_of_the_window():
    cases = [
        Case(seed, timestamp_bonus=6.0, eot_bonus=-9.0, budget=24, last_initial=59)
        for seed in range(6)
    ]
    assert_same_search(cases, 5)


def test_hardly_any_token_possible():
    cases = [Case(seed, favourites=(10, 11, 12, 13, 14, 15, 16), budget=12) for seed in range(8)]
    assert_same_search(cases, 5)


@pytest.mark.slow
def test_same_as_openai_over_many_cases():
    found = compare_many(320)
    assert found.equal == found.cases == 320
    assert found.largest_score_difference < 1e-4


def test_a_difference_is_counted(monkeypatch):
    """The comparison can fail."""
    cases = made_up(2, 3, 5)
    wrong = ((1, 2, 3), 0.0)
    monkeypatch.setattr("benchmarks.speed.search_equality.openai_search", lambda case: wrong)
    found = compare(cases, 3)
    assert (found.cases, found.equal) == (2, 0)
    assert found.plus(SearchEquality(3, 3, 0.0)).equal == 3
    assert found.plus(SearchEquality(3, 3, 99.0)).largest_score_difference == 99.0


def stopped(case: Case, offset: int, **more: object) -> tuple[int, ...]:
    """The tokens of a search in which a timestamp from `offset` on ends a hypothesis."""
    plan = replace(case.plan, stop_timestamp=offset, **more)
    return best_hypothesis(run_together([case], [plan], 5).rows(0, 1), None).tokens


def test_a_timestamp_that_is_late_enough_ends_a_hypothesis():
    """Greedy: the same tokens up to the first late timestamp, which is the last one."""
    lengths = []
    for seed in range(12):
        case = Case(seed, beam_size=1, timestamp_bonus=4.0, eot_bonus=-9.0)
        whole = openai_search(case)[0]
        late = [at for at, token in enumerate(whole) if token >= TIMESTAMPS + 20]
        upto = late[0] + 1 if late else len(whole)
        assert stopped(case, 20) == whole[:upto]
        lengths.append(len(whole) - upto)
    assert max(lengths) > 3


def test_a_stopped_hypothesis_is_whole_and_counts_its_timestamp():
    case = Case(3, beam_size=1, timestamp_bonus=4.0, eot_bonus=-9.0)
    plan = replace(case.plan, stop_timestamp=10)
    found = best_hypothesis(run_together([case], [plan], 5).rows(0, 1), None)
    assert not found.is_truncated
    assert found.is_enough
    assert found.avg_logprob == pytest.approx(found.total / len(found.tokens))


def test_beams_stop_at_late_timestamps_and_never_write_beyond():
    for seed in range(12):
        tokens = stopped(Case(seed, timestamp_bonus=3.0), 15)
        assert not any(token >= TIMESTAMPS + 15 for token in tokens[:-1])


def test_without_a_stop_no_timestamp_ends_anything():
    cases = [Case(seed, timestamp_bonus=4.0) for seed in range(6)]
    assert_same_search(cases, 5)


def test_samples_stop_too():
    uniforms = torch.full((24, 5), 0.5, dtype=torch.float64)
    case = Case(2, timestamp_bonus=4.0, eot_bonus=-9.0)
    tokens = stopped(case, 12, temperature=0.001, uniforms=uniforms)
    assert tokens[-1] >= TIMESTAMPS + 12
    assert not any(token >= TIMESTAMPS + 12 for token in tokens[:-1])


def made_to_go_on(case: Case, offset: int, **more: object) -> Hypothesis:
    """What is found where text may not end behind a timestamp before `offset`."""
    plan = replace(case.plan, earliest_end=offset, **more)
    return best_hypothesis(run_together([case], [plan], 5).rows(0, 1), None)


def test_text_goes_on_behind_a_timestamp_that_is_too_early_to_end():
    """It ends behind a later one, or behind text, whose end nobody wrote; or there is none."""

    def is_early(tokens: tuple[int, ...]) -> bool:
        return len(tokens) > 1 and TIMESTAMPS <= tokens[-1] < TIMESTAMPS + 30

    cases = [Case(seed, eot_bonus=6.0, timestamp_bonus=1.0, budget=60) for seed in range(40)]
    assert sum(is_early(openai_search(case)[0]) for case in cases) > 4
    found = [made_to_go_on(case, 30).tokens for case in cases]
    assert not any(is_early(tokens) for tokens in found)
    assert any(len(tokens) == 1 for tokens in found)


def test_text_that_ends_late_enough_is_as_it_was():
    """Greedy: the last timestamp may end it, if no other would have."""
    same = 0
    for seed in range(40):
        case = Case(seed, beam_size=1, eot_bonus=4.0, timestamp_bonus=2.0, budget=60)
        whole = openai_search(case)[0]
        if len(whole) > 1 and whole[-1] >= TIMESTAMPS:
            assert made_to_go_on(case, whole[-1] - TIMESTAMPS).tokens == whole
            later = made_to_go_on(case, whole[-1] - TIMESTAMPS + 1).tokens
            assert later[: len(whole)] == whole
            assert len(later) > len(whole)
            same += 1
    assert same > 4


def sampling_plan(samples: int, budget: int, temperature: float, seed: int) -> Plan:
    uniforms = torch.from_numpy(np.random.default_rng(seed).random((budget, samples)))
    return Plan(samples, samples, budget, temperature, True, uniforms)


def test_cold_samples_are_greedy():
    cases = [Case(seed, beam_size=1, eot_bonus=4.0) for seed in range(6)]
    plans = [sampling_plan(3, case.budget, 0.001, case.seed) for case in cases]
    state = run_together(cases, plans, 5)
    for row, case in enumerate(cases):
        tokens, _ = openai_search(case)
        ours = best_hypothesis(state.rows(row, row + 1), None)
        assert ours.tokens == tokens


def test_samples_follow_the_distribution():
    case = Case(5, favourites=(10, 11, 12), eot_bonus=-50.0, timestamp_bonus=-50.0, spread=1.0)
    case = Case(**{**case.__dict__, "has_timestamps": False})
    expected = (case.logits(()) / 0.7)[list(case.favourites)].softmax(-1).numpy()
    counts = np.zeros(3)
    for seed in range(60):
        state = run_together([case], [Plan(16, 16, 1, 0.7, False, _uniform(seed))], 16)
        counts += [(state.last == token).sum().item() for token in case.favourites]
    assert counts / counts.sum() == pytest.approx(expected, abs=0.05)


def _uniform(seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((1, 16)))


def test_total_of_samples_is_what_greedy_decoder_counts():
    """At T > 0 the total is summed at T = 1, end-of-text included, as openai-whisper does."""
    case = Case(9, eot_bonus=5.0, has_timestamps=False, budget=12)
    state = run_together([case], [Plan(1, 1, 12, 0.8, False, _column(12))], 1)
    ours = best_hypothesis(state.rows(0, 1), None)
    filters = [SuppressTokens(SUPPRESSED)]
    counted = torch.zeros(1)
    path = [*ours.tokens, EOT][:12]
    for at, token in enumerate(path):
        logits = case.logits(tuple(path[:at]))[None]
        blank = SuppressBlank(SmallTokenizer(), 0)
        seen = torch.tensor([path[:at]], dtype=torch.int64)
        for one in (blank, *filters):
            one.apply(logits, seen)
        counted += logits.log_softmax(-1)[0, token]
    assert ours.total == pytest.approx(counted.item(), abs=1e-4)


def _column(steps: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).random((steps, 1)))


def test_sampling_beside_beams_changes_neither():
    beams, samples = Case(3), Case(4, budget=16)
    plan = sampling_plan(5, 16, 0.6, 2)
    alone = [
        run_together([beams], [beams.plan], 5).rows(0, 1),
        run_together([samples], [plan], 5).rows(0, 1),
    ]
    both = run_together([beams, samples], [beams.plan, plan], 5)
    for row, one in enumerate(alone):
        assert best_hypothesis(one, None) == best_hypothesis(both.rows(row, row + 1), None)
