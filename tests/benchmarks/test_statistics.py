from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.alignment import Reference, align
from benchmarks.statistics import (
    NO_BLOCKS,
    Blocks,
    block_numbers,
    blocks_of,
    bootstrap,
    compare,
    errors_by_position,
    mapsswe,
    mcnemar,
)


def blocks(*rows: tuple[int, int]) -> Blocks:
    table = np.array(rows, dtype=np.float64)
    return Blocks(table[:, 0], table[:, 1])


def test_blocks_by_time_of_words() -> None:
    assert block_numbers(4, 200.0, [0.0, 59.9, 60.0, 185.0]) == [0, 0, 1, 3, 3]


def test_blocks_spread_over_the_duration() -> None:
    assert block_numbers(4, 120.0, []) == [0, 0, 1, 1, 2]


def test_blocks_without_times_are_150_words() -> None:
    assert block_numbers(300, None, [])[149:151] == [0, 1]


def test_blocks_never_go_back() -> None:
    assert block_numbers(3, None, [0.0, 70.0, 10.0]) == [0, 1, 1, 1]


def test_errors_fall_into_blocks() -> None:
    pairs = align(Reference(("a", "b", "c", "d")), ("a", "x", "c", "new", "d", "more"))
    found = blocks_of(pairs, [0, 0, 1, 1, 1])
    assert found.errors.tolist() == [1, 2]
    assert found.words.tolist() == [2, 2]
    assert found.rate == pytest.approx(3 / 4)


def test_interval_holds_the_rate_and_narrows_with_more_blocks() -> None:
    few = bootstrap(blocks(*[(n % 3, 10) for n in range(12)]))
    many = bootstrap(blocks(*[(n % 3, 10) for n in range(300)]))
    assert few is not None
    assert many is not None
    assert few.low < few.value < few.high
    assert few.value == many.value == pytest.approx(0.1)
    assert many.high - many.low < (few.high - few.low) / 3


def test_interval_agrees_with_the_normal_approximation() -> None:
    errors = np.random.default_rng(3).binomial(20, 0.1, 400)
    found = bootstrap(Blocks(errors.astype(np.float64), np.full(400, 20.0)))
    assert found is not None
    width = 1.96 * errors.std() / 20 / math.sqrt(400)
    assert found.low == pytest.approx(found.value - width, abs=0.15 * width)
    assert found.high == pytest.approx(found.value + width, abs=0.15 * width)


def test_same_seed_same_interval() -> None:
    sample = blocks((1, 10), (3, 10), (0, 12))
    assert bootstrap(sample) == bootstrap(sample)


def test_empty_reference_has_no_interval() -> None:
    assert bootstrap(NO_BLOCKS) is None
    assert bootstrap(blocks((3, 0))) is None
    assert compare(blocks((3, 0)), blocks((1, 0))) is None


def test_one_block_has_no_interval() -> None:
    # drawn again it is itself: an interval without width would promise what nobody knows
    alone = blocks((3, 20), (1, 0))
    assert bootstrap(alone) is None
    assert compare(alone, alone) is None


@pytest.mark.parametrize("count", [10, 60])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(count: int) -> None:
    # 200 recordings of `count` blocks with a known rate; percentile intervals of few blocks are
    # known to be a little too narrow
    generator = np.random.default_rng(11)
    held = 0
    for _ in range(200):
        errors = generator.binomial(100, generator.beta(4, 36, count))
        found = bootstrap(Blocks(errors.astype(float), np.full(count, 100.0)), draws=400)
        assert found is not None
        held += found.low <= 0.1 <= found.high
    assert 0.84 <= held / 200 <= 0.99


def test_pairing_sees_what_intervals_alone_do_not() -> None:
    # hard and easy blocks alternate; the second system has one error less in every block
    worse = blocks(*[(20 if n % 2 else 2, 30) for n in range(40)])
    better = Blocks(worse.errors - 1, worse.words)
    alone, other = bootstrap(worse), bootstrap(better)
    found = compare(worse, better)
    assert alone is not None
    assert other is not None
    assert found is not None
    assert other.high > alone.low  # the intervals overlap
    assert found.difference.high < 0  # the paired one excludes zero
    assert found.probability_of_improvement == 1.0


def test_a_system_against_itself() -> None:
    sample = blocks((1, 10), (3, 10))
    found = compare(sample, sample)
    assert found is not None
    assert found.difference.value == 0.0
    assert found.probability_of_improvement == 0.5


def test_compared_on_the_same_blocks_only() -> None:
    with pytest.raises(ValueError, match="same blocks"):
        compare(blocks((1, 2)), blocks((1, 2), (1, 2)))


def test_errors_by_position() -> None:
    pairs = align(Reference(("a", "b", "c")), ("new", "a", "c"))
    assert errors_by_position(pairs, 3).tolist() == [1, 1, 0, 0]


def test_mapsswe_by_hand() -> None:
    # segments (two clean words apart): positions 0-1, 4-6, 9; differences 1+1, 1-1+0, -1
    first = np.array([1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    second = np.array([0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0])
    found = mapsswe(first, second)
    assert found is not None
    differences = np.array([2.0, 0.0, -1.0])
    z = differences.mean() / (differences.std(ddof=1) / math.sqrt(3))
    assert found.count == 3
    assert found.statistic == pytest.approx(z)
    assert found.p == pytest.approx(math.erfc(abs(z) / math.sqrt(2)))


def test_mapsswe_without_segments() -> None:
    assert mapsswe(np.zeros(5, dtype=np.int64), np.zeros(5, dtype=np.int64)) is None


def test_mapsswe_when_every_segment_agrees() -> None:
    first = np.array([1, 0, 0, 1, 0, 0, 1])
    found = mapsswe(first, np.zeros(7, dtype=np.int64))
    assert found is not None
    assert found.p == 0.0
    same = mapsswe(first, first)
    assert same is not None
    assert same.p == 1.0


def test_mcnemar_by_hand() -> None:
    # 1 against 5: 2 * (C(6,0) + C(6,1)) / 2**6
    assert mcnemar(5, 1).p == pytest.approx(2 * 7 / 64)
    assert mcnemar(5, 1).statistic > 0
    assert mcnemar(3, 3).p == 1.0
    assert mcnemar(0, 0).p == 1.0
    assert mcnemar(2000, 1000).p < 1e-60
