"""The search alone, on made-up logits, against openai-whisper's filters and beam search.

No model and no sound: logits are pseudo-random numbers that depend on the whole prefix.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from whisper.decoding import (
    ApplyTimestampRules,
    BeamSearchDecoder,
    MaximumLikelihoodRanker,
    SuppressBlank,
    SuppressTokens,
)

from decoding.model.logit_columns import TokenLayout
from decoding.search.beam_search import advance
from decoding.search.hypotheses import best_hypothesis
from decoding.search.logit_rules import forbid_at_start
from decoding.search.state import Plan, SearchState

EOT, NO_TIMESTAMPS, TIMESTAMPS, SIZE = 150, 157, 158, 218
LAYOUT = TokenLayout(EOT, TIMESTAMPS, SIZE)
BLANK = (7, EOT)
SUPPRESSED = [3, 4, 99, 151, 152, 156]
START = 155
BEAM_SIZES = (1, 2, 3, 4, 5, 6, 7, 8)
TOGETHER = 20  # cases searched in one state

Prefix = tuple[int, ...]


@dataclass
class SmallTokenizer:
    """What openai-whisper's filters ask of a tokenizer."""

    eot: int = EOT
    timestamp_begin: int = TIMESTAMPS
    no_timestamps: int = NO_TIMESTAMPS

    def encode(self, text: str) -> list[int]:
        assert text == " ", "filters ask for the blank alone"
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
    favourites: Prefix = ()

    @property
    def plan(self) -> Plan:
        most = max(1, round(self.beam_size * self.patience))
        return Plan(self.beam_size, most, self.budget, 0.0, self.has_timestamps)

    def logits(self, prefix: Prefix) -> torch.Tensor:
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
class _NoInference:
    moves: list[list[int]] = field(default_factory=list)

    def rearrange_kv_cache(self, sources: list[int]) -> None:
        self.moves.append(sources)


def openai_search(case: Case) -> tuple[Prefix, float]:
    """The main loop of openai-whisper's DecodingTask for one window: tokens and their score."""
    tokenizer: Any = SmallTokenizer()
    inference: Any = _NoInference()
    filters: list[Any] = [SuppressBlank(tokenizer, 1), SuppressTokens(SUPPRESSED)]
    if case.has_timestamps:
        filters.append(ApplyTimestampRules(tokenizer, 1, case.last_initial))
    decoder = BeamSearchDecoder(case.beam_size, EOT, inference, case.patience)
    decoder.reset()
    tokens = torch.full((case.beam_size, 1), START)
    totals = torch.zeros(case.beam_size)
    for _ in range(case.budget):
        logits = torch.stack([case.logits(tuple(row[1:])) for row in tokens.tolist()])
        for one in filters:
            one.apply(logits, tokens)
        tokens, completed = decoder.update(tokens, logits, totals)
        if completed:
            break
    with warnings.catch_warnings():  # it sorts tensors with numpy, which NumPy 2 deplores
        warnings.simplefilter("ignore", DeprecationWarning)
        found, sums = decoder.finalize(tokens[None], totals[None])
    texts = [[row[1 : (row == EOT).nonzero()[0, 0]] for row in group] for group in found]
    best = MaximumLikelihoodRanker(case.length_penalty).rank(texts, sums)[0]
    return tuple(texts[0][best].tolist()), sums[0][best]


def run_together(cases: Sequence[Case], plans: Sequence[Plan], width: int) -> SearchState:
    """Search all cases in one state, `width` beams wide, until all are done."""
    steps = max(plan.budget for plan in plans)
    state = SearchState.allocate(len(cases), width, steps, torch.device("cpu"))
    prefixes: list[list[Prefix]] = [[()] * width for _ in cases]
    never = [_never(case) for case in cases]
    for row, (case, plan) in enumerate(zip(cases, plans, strict=True)):
        state.rows(row, row + 1).start(torch.tensor([plan.numbers], dtype=torch.float64))
        if plan.uniforms is not None:
            state.tell_uniforms(row, plan.uniforms)
        first = (case.logits(()) + never[row])[None, None]
        last_initial = None
        if case.has_timestamps:
            last_initial = SIZE if case.last_initial is None else case.last_initial
        forbid_at_start(first, LAYOUT, BLANK, last_initial)
        one = state.rows(row, row + 1)
        alone = None if plan.uniforms is None else torch.tensor([0])
        _grow(prefixes, row, one, advance(one, first, LAYOUT, alone))
    drawn = [row for row, plan in enumerate(plans) if plan.uniforms is not None]
    sampling = torch.tensor(drawn) if drawn else None
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


def _never(case: Case) -> torch.Tensor:
    never = torch.zeros(SIZE)
    never[SUPPRESSED] = float("-inf")
    if case.has_timestamps:
        never[NO_TIMESTAMPS] = float("-inf")
    return never


def _grow(
    prefixes: list[list[Prefix]], row: int, state: SearchState, sources: torch.Tensor
) -> None:
    old = prefixes[row]
    pairs = zip(sources[0].tolist(), state.last[0].tolist(), strict=True)
    prefixes[row] = [(*old[source], token) for source, token in pairs]


def made_up(count: int, beam_size: int, seed: int) -> list[Case]:
    """Cases of every kind: patience, end-of-text near the top, budgets, rules, flat and steep."""
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


@dataclass(frozen=True, slots=True)
class SearchEquality:
    """Cases whose tokens are equal, and by how much the scores differ at most."""

    cases: int
    equal: int
    largest_score_difference: float

    def plus(self, other: SearchEquality) -> SearchEquality:
        return SearchEquality(
            self.cases + other.cases,
            self.equal + other.equal,
            max(self.largest_score_difference, other.largest_score_difference),
        )


def compare(cases: Sequence[Case], width: int) -> SearchEquality:
    """Our search of all cases at once against openai-whisper's of one after the other."""
    state = run_together(cases, [case.plan for case in cases], width)
    equal, largest = 0, 0.0
    for row, case in enumerate(cases):
        tokens, total = openai_search(case)
        ours = best_hypothesis(state.rows(row, row + 1), case.length_penalty)
        equal += ours.tokens == tokens
        largest = max(largest, abs(ours.total - total))
    return SearchEquality(len(cases), equal, largest)


def compare_many(count: int) -> SearchEquality:
    """At least `count` made-up cases, the same number of each beam size."""
    found = SearchEquality(0, 0, 0.0)
    for at in range(-(-count // (TOGETHER * len(BEAM_SIZES)))):
        for beam_size in BEAM_SIZES:
            cases = made_up(TOGETHER, beam_size, 1000 * at + beam_size)
            found = found.plus(compare(cases, beam_size))
    return found
