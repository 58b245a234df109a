"""The text that is expected to have the fewest errors."""

from __future__ import annotations

from math import log

import pytest

from decoding.search.minimum_bayes_risk import least_risk


def test_texts_that_agree_outvote_a_likelier_one() -> None:
    """Two with one word otherwise, each at its place, agree with the third on all others."""
    texts = [[1, 2, 3, 9], [7, 2, 3, 4], [1, 2, 3, 4], [1, 8, 3, 4]]
    logprobs = [log(0.3), log(0.25), log(0.25), log(0.2)]
    # expected errors: 0.3 x 0 + 0.25 x 2 + 0.25 x 1 + 0.2 x 2, and so on
    assert least_risk(texts, logprobs) == 2


def test_one_that_is_nearly_certain_stays() -> None:
    assert least_risk([[1, 2, 3], [4, 5], [4, 5]], [log(0.9), log(0.05), log(0.05)]) == 0


def test_the_same_text_twice_counts_twice_and_the_first_is_taken() -> None:
    """With other timestamps, for one."""
    assert least_risk([[1], [2], [2]], [log(0.4), log(0.3), log(0.3)]) == 1


def test_the_first_of_equals() -> None:
    assert least_risk([[1], [2]], [log(0.5), log(0.5)]) == 0
    assert least_risk([[3]], [-1e9]) == 0
    assert least_risk([[1], []], [-5000.0, -5000.0]) == 0


@pytest.mark.parametrize("shift", [0.0, -2000.0, 500.0])
def test_probabilities_are_relative(shift: float) -> None:
    texts = [[1, 2], [1, 3], [4, 3]]
    assert least_risk(texts, [shift - 1.0, shift - 1.1, shift - 1.0]) == 1
