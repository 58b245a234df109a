"""How sure a word error rate is, and whether one system is better than another.

Words of one recording depend on each other, so blocks of about a minute are drawn, not words
(Liu and Peng 2019), and two systems are always compared on the same blocks (Bisani and Ney 2004).
Nothing here knows where the counts come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.alignment import AlignedPair

BLOCK_SECONDS = 60.0
DRAWS = 10_000
LEVEL = 0.95
SEED = 20_260_101
CLEAN_WORDS = 2  # words that both systems have right on each side of a MAPSSWE segment
_DRAWS_AT_ONCE = 500

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Errors and reference words of each block; shapes (n,)."""

    errors: Numbers
    words: Numbers

    def __add__(self, other: Blocks) -> Blocks:
        return Blocks(
            np.concatenate([self.errors, other.errors]), np.concatenate([self.words, other.words])
        )

    @property
    def rate(self) -> float | None:
        total = float(self.words.sum())
        return float(self.errors.sum()) / total if total else None

    @property
    def can_vary(self) -> bool:
        """Whether drawing blocks again can give another rate: one block alone says nothing."""
        return int(np.count_nonzero(self.words)) > 1


NO_BLOCKS = Blocks(np.zeros(0), np.zeros(0))


def block_numbers(
    positions: int, duration: float | None, starts: Sequence[float | None]
) -> list[int]:
    """The block of each of `positions` reference positions, and of the one after the last.

    By the time a word starts where times are known; else words are spread evenly over
    `duration`; without that, 150 words make a block (a minute of ordinary speech).
    """
    numbers: list[int] = []
    for position in range(positions + 1):
        start = starts[position] if position < len(starts) else None
        if start is not None:
            number = int(start // BLOCK_SECONDS)
        elif duration:
            number = int(duration * position / max(positions, 1) // BLOCK_SECONDS)
        else:
            number = position // 150
        numbers.append(max(number, numbers[-1] if numbers else 0))
    return numbers


def blocks_of(alignment: Sequence[AlignedPair], numbers: Sequence[int]) -> Blocks:
    """Errors and words of one recording by block; insertions belong to the word they precede."""
    size = max(numbers, default=0) + 1
    errors, words = np.zeros(size), np.zeros(size)
    for pair in alignment:
        number = numbers[pair.position]
        errors[number] += pair.is_error
        words[number] += pair.reference is not None
    return Blocks(errors, words)


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate (or difference of rates) with the ends of its confidence interval."""

    value: float
    low: float
    high: float
    level: float = LEVEL


def bootstrap(blocks: Blocks, draws: int = DRAWS, seed: int = SEED) -> Interval | None:
    """Percentile interval of the pooled rate; None with words in fewer than two blocks."""
    rate = blocks.rate
    if rate is None or not blocks.can_vary:
        return None
    sampled = _sampled_rates(blocks, blocks, draws, seed)[0]
    low, high = np.quantile(sampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(rate, float(low), float(high))


@dataclass(frozen=True, slots=True)
class Comparison:
    """System B against system A on the same blocks; a negative difference means B is better."""

    difference: Interval
    probability_of_improvement: float


def compare(
    first: Blocks, second: Blocks, draws: int = DRAWS, seed: int = SEED
) -> Comparison | None:
    """Interval of rate(second) - rate(first); None with words in fewer than two blocks."""
    if len(first.errors) != len(second.errors):
        raise ValueError(
            f"systems are compared on the same blocks, got {len(first.errors)} and "
            f"{len(second.errors)}"
        )
    before, after = first.rate, second.rate
    if before is None or after is None or not (first.can_vary and second.can_vary):
        return None
    rates = _sampled_rates(first, second, draws, seed)
    difference = rates[1] - rates[0]
    low, high = np.quantile(difference, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    better = float(np.mean(difference < 0) + 0.5 * np.mean(difference == 0))
    return Comparison(Interval(after - before, float(low), float(high)), better)


def _sampled_rates(first: Blocks, second: Blocks, draws: int, seed: int) -> tuple[Numbers, Numbers]:
    """Rates of both systems in at most `draws` draws of blocks with replacement."""
    generator = np.random.default_rng(seed)
    size = len(first.errors)
    table = np.stack([first.errors, first.words, second.errors, second.words], axis=1)
    sums = []
    for start in range(0, draws, _DRAWS_AT_ONCE):
        some = min(_DRAWS_AT_ONCE, draws - start)
        counts = generator.multinomial(size, np.full(size, 1 / size), size=some)
        sums.append(counts @ table)
    pooled = np.concatenate(sums)
    pooled = pooled[(pooled[:, 1] > 0) & (pooled[:, 3] > 0)]  # a draw without words has no rate
    return pooled[:, 0] / pooled[:, 1], pooled[:, 2] / pooled[:, 3]


def errors_by_position(alignment: Sequence[AlignedPair], positions: int) -> NDArray[np.int64]:
    """Errors at each reference position; shape (positions + 1,), insertions before their word."""
    errors = np.zeros(positions + 1, dtype=np.int64)
    for pair in alignment:
        errors[pair.position] += pair.is_error
    return errors


@dataclass(frozen=True, slots=True)
class Significance:
    """A test's statistic, its two-sided p, and on how many segments (or words) it rests."""

    statistic: float
    p: float
    count: int


def mapsswe(first: NDArray[np.int64], second: NDArray[np.int64]) -> Significance | None:
    """NIST's matched-pairs test (Gillick and Cox 1989) on errors by position of two systems.

    Segments are what lies between stretches of two words or more that both have right. None when
    there are fewer than two segments. A positive statistic means that `second` has fewer errors.
    """
    differences = np.array(
        [float(first[a:b].sum() - second[a:b].sum()) for a, b in _segments(first + second)]
    )
    if len(differences) < 2:
        return None
    deviation = float(differences.std(ddof=1))
    if deviation == 0.0:
        z = 0.0 if differences[0] == 0 else math.copysign(math.inf, differences[0])
    else:
        z = float(differences.mean()) / (deviation / math.sqrt(len(differences)))
    return Significance(z, math.erfc(abs(z) / math.sqrt(2)), len(differences))


def _segments(errors: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Stretches with errors, at least `CLEAN_WORDS` positions without any between them."""
    wrong = np.flatnonzero(errors)
    if not len(wrong):
        return []
    breaks = np.flatnonzero(np.diff(wrong) > CLEAN_WORDS)
    starts = wrong[np.concatenate([[0], breaks + 1])]
    ends = wrong[np.concatenate([breaks, [len(wrong) - 1]])] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def mcnemar(only_first_wrong: int, only_second_wrong: int) -> Significance:
    """Exact McNemar test on words that only one of two systems has wrong.

    A positive statistic means that `second` has fewer words wrong.
    """
    total = only_first_wrong + only_second_wrong
    if not total:
        return Significance(0.0, 1.0, 0)
    smaller = min(only_first_wrong, only_second_wrong)
    logs = [
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        for k in range(smaller + 1)
    ]
    top = max(logs)
    tail = math.exp(top - total * math.log(2)) * sum(math.exp(value - top) for value in logs)
    z = (only_first_wrong - only_second_wrong) / math.sqrt(total)
    return Significance(z, min(1.0, 2.0 * tail), total)
