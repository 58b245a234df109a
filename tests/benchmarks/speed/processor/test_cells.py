from __future__ import annotations

import pytest

from benchmarks.scoring import Counts
from benchmarks.speed.processor.cells import counts_of, errors_cell, ratios, spread_cell
from tests.benchmarks.speed.processor.planted import SAID, record


def test_figures_have_three_digits() -> None:
    assert spread_cell([0.12345]) == "0.123"
    assert spread_cell([1.2345, 12.345, 123.45]) == "12.3\n1.23-123"
    assert spread_cell([]) == "–"
    assert spread_cell([2.0], "x") == "2.00x"


def test_ratios_are_round_by_round() -> None:
    assert ratios([1.0, 2.0], [3.0, 4.0]) == [3.0, 2.0]
    assert ratios([1.0, 0.0], [3.0, 4.0]) == [3.0]
    assert ratios([1.0], [3.0, 4.0]) == [3.0]


def test_errors_are_pooled() -> None:
    counts = counts_of([record(1, 1), record(1, 1, SAID.replace("fox ", "") + " again")])
    assert counts == Counts(hits=17, substitutions=0, deletions=1, insertions=1)
    assert errors_cell(counts) == "0/1/1"
    assert counts.error_rate == pytest.approx(2 / 18)
