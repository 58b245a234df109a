"""The search alone, on made-up logits, against openai-whisper's filters and beam search."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from whisper.decoding import (
    ApplyTimestampRules,
    BeamSearchDecoder,
    MaximumLikelihoodRanker,
    SuppressBlank,
    SuppressTokens,
)

from decoding.hypotheses import best_hypothesis
from decoding.rules import TokenLayout, forbid_at_start
from decoding.search import Plan, SearchState, advance

# openai-whisper sorts tensors with numpy, which NumPy 2 deplores
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")

EOT, NO_TIMESTAMPS, TIMESTAMPS, SIZE = 150, 157, 158, 218
LAYOUT = TokenLayout(EOT, TIMESTAMPS, SIZE)
BLANK = (7, EOT)
SUPPRESSED = [3, 4, 99, 151, 152, 156]


@dataclass
class SmallTokenizer:
    """What openai-whisper's filters ask of a tokenizer."""

    eot: int = EOT
    timestamp_begin: int = TIMESTAMPS
    no_timestamps: int = NO_TIMESTAMPS

    def encode(self, text):
        assert text == " "
        return [BLANK[0]]


@dataclass(frozen=True)
class Case:
    """One made-up window and how it is decoded."""

    seed: int
    beam_size: int = 5
    patience: float = 1.0
    budget: int = 24
    eot_bonus: float = 2.0
    timestamp_bonus: float = 1.0
    spread: float = 2.5
    has_timestamps: bool = True
    last_initial: int | None = 10
    length_penalty: float | None = None
    favourites: tuple[int, ...] = ()

    def logits(self, prefix: tuple[int, ...]) -> torch.Tensor:
        """[SIZE] that depend on the whole prefix."""
        text = ",".join(map(str, (self.seed, *prefix)))
        values = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(SIZE)
        values *= self.spread
        values[EOT] += self.eot_bonus
        values[TIMESTAMPS:] += self.timestamp_bonus
        if self.favourites:  # nothing else is possible but ending and timestamps
            others = np.ones(SIZE, bool)
            others[[*self.favourites, EOT]] = False
            others[TIMESTAMPS:] = False
            values[others] = -np.inf
        return torch.tensor(values, dtype=torch.float32)


@dataclass
class NoInference:
    moves: list[list[int]] = field(default_factory=list)

    def rearrange_kv_cache(self, sources):
        self.moves.append(sources)


def openai_search(case: Case) -> tuple[tuple[int, ...], float]:
    """The main loop of openai-whisper's DecodingTask for one window."""
    tokenizer = SmallTokenizer()
    filters = [SuppressBlank(tokenizer, 1), SuppressTokens(SUPPRESSED)]
    if case.has_timestamps:
        filters.append(ApplyTimestampRules(tokenizer, 1, case.last_initial))
    decoder = BeamSearchDecoder(case.beam_size, EOT, NoInference(), case.patience)
    decoder.reset()
    tokens = torch.full((case.beam_size, 1), 155)
    totals = torch.zeros(case.beam_size)
    for _ in range(case.budget):
        logits = torch.stack([case.logits(tuple(row[1:])) for row in tokens.tolist()])
        for one in filters:
            one.apply(logits, tokens)
        tokens, completed = decoder.update(tokens, logits, totals)
        if completed:
            break
    found, sums = decoder.finalize(tokens[None], totals[None])
    found = [[t[1 : (t == EOT).nonzero()[0, 0]] for t in group] for group in found]
    best = MaximumLikelihoodRanker(case.length_penalty).rank(found, sums)[0]
    return tuple(found[0][best].tolist()), sums[0][best]


def run_together(cases: list[Case], plans: list[Plan], width: int) -> SearchState:
    """Search all cases in one state, `width` beams wide, until all are done."""
    steps = max(plan.budget for plan in plans)
    state = SearchState.allocate(len(cases), width, steps, torch.device("cpu"))
    prefixes: list[list[tuple[int, ...]]] = [[()] * width for _ in cases]
    suppressed = torch.zeros(SIZE)
    suppressed[SUPPRESSED] = float("-inf")
    never = [suppressed.clone() for _ in cases]
    for row, (case, plan) in enumerate(zip(cases, plans, strict=True)):
        state.start(row, plan)
        if case.has_timestamps:
            never[row][NO_TIMESTAMPS] = float("-inf")
        first = (case.logits(()) + never[row])[None, None]
        last_initial = None
        if case.has_timestamps:
            last_initial = SIZE if case.last_initial is None else case.last_initial
        forbid_at_start(first, LAYOUT, BLANK, last_initial)
        one = state.rows(row, row + 1)
        sampling = () if plan.uniforms is None else (0,)
        _grow(prefixes, row, one, advance(one, first, LAYOUT, sampling))
    sampling = [row for row, plan in enumerate(plans) if plan.uniforms is not None]
    while not bool(state.is_done.all()):
        logits = torch.stack(
            [
                torch.stack([case.logits(prefix) for prefix in prefixes[row]]) + never[row]
                for row, case in enumerate(cases)
            ]
        )
        sources = advance(state, logits, LAYOUT, sampling)
        for row in range(len(cases)):
            _grow(prefixes, row, state.rows(row, row + 1), sources[row : row + 1])
    return state


def _grow(prefixes, row, state, sources):
    last = state.last[0].tolist()
    old = prefixes[row]
    prefixes[row] = [
        (*old[source], token) for source, token in zip(sources[0].tolist(), last, strict=True)
    ]


def beam_plan(case: Case) -> Plan:
    most = max(1, round(case.beam_size * case.patience))
    return Plan(case.beam_size, most, case.budget, 0.0, case.has_timestamps)


def assert_same_search(cases: list[Case], width: int) -> int:
    """Compare window by window; returns how many windows were near ties."""
    state = run_together(cases, [beam_plan(case) for case in cases], width)
    ties = 0
    for row, case in enumerate(cases):
        tokens, total = openai_search(case)
        ours = best_hypothesis(state.rows(row, row + 1), case.length_penalty)
        assert ours.total == pytest.approx(total, abs=1e-4), case
        ties += ours.tokens != tokens
    return ties


def made_up(count: int, beam_size: int, seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        Case(
            seed=int(rng.integers(1 << 30)),
            beam_size=beam_size,
            patience=float(rng.choice([0.5 if beam_size > 1 else 1.0, 1.0, 1.0, 1.5, 2.0])),
            budget=int(rng.choice([1, 2, 5, 12, 24])),
            eot_bonus=float(rng.choice([-4.0, 1.0, 4.0, 7.0])),
            timestamp_bonus=float(rng.choice([-3.0, 0.0, 2.0])),
            spread=float(rng.choice([0.5, 2.0, 4.0])),
            has_timestamps=bool(rng.random() < 0.8),
            last_initial=[None, 0, 10, 50][int(rng.integers(4))],
            length_penalty=[None, 0.0, 0.6, 1.0][int(rng.integers(4))],
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("beam_size", [1, 2, 3, 4, 5, 6, 8])
def test_same_as_openai(beam_size):
    assert assert_same_search(made_up(8, beam_size, beam_size), beam_size) == 0


def test_same_as_openai_with_beam_sizes_mixed():
    cases = [case for size in (1, 2, 3, 5, 8) for case in made_up(3, size, 40 + size)]
    assert assert_same_search(cases, 8) == 0


def test_timestamps_at_the_end_of_the_window():
    cases = [
        Case(seed, timestamp_bonus=6.0, eot_bonus=-9.0, budget=24, last_initial=59)
        for seed in range(6)
    ]
    assert assert_same_search(cases, 5) == 0


def test_hardly_any_token_possible():
    cases = [Case(seed, favourites=(10, 11, 12, 13, 14, 15, 16), budget=12) for seed in range(8)]
    assert assert_same_search(cases, 5) == 0


@pytest.mark.slow
@pytest.mark.parametrize("beam_size", [1, 2, 3, 4, 5, 6, 7, 8])
def test_same_as_openai_over_many_cases(beam_size):
    assert assert_same_search(made_up(40, beam_size, 1000 + beam_size), beam_size) == 0


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
        run_together([beams], [beam_plan(beams)], 5).rows(0, 1),
        run_together([samples], [plan], 5).rows(0, 1),
    ]
    both = run_together([beams, samples], [beam_plan(beams), plan], 5)
    for row, one in enumerate(alone):
        assert best_hypothesis(one, None) == best_hypothesis(both.rows(row, row + 1), None)
