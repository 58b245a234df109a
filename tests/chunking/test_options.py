from __future__ import annotations

import pytest

from chunking.options import MergeOptions, WindowOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 31.0}, "window must be 1 to 30"),
        ({"window": 0.5}, "window must be 1 to 30"),
        ({"overlap": 15.1}, "overlap must be 0 to half"),
        ({"overlap": -1.0}, "overlap must be 0 to half"),
        ({"phase": -1.0}, "phase must be 0"),
        ({"plan": "spiral"}, "plan must be one of"),
        ({"chain": 29.0}, "chain must be 30 seconds or more"),
        ({"chain": float("nan")}, "chain must be 30 seconds or more"),
        ({"back_off": 15.1}, "back_off must be 0 to half"),
        ({"back_off": -1.0}, "back_off must be 0 to half"),
    ],
)
def test_impossible_windows(options, message):
    with pytest.raises(ValueError, match=message):
        WindowOptions(**options)


@pytest.mark.parametrize(
    ("given", "overlap"),
    [
        ((30.0,), 3.0),
        ((18.0,), 3.0),
        ((12.0,), 2.0),
        ((12.0, 0.0), 0.0),
        ((30.0, 10.0), 10.0),
    ],
)
def test_a_short_window_overlaps_by_a_sixth(given, overlap):
    back_off = given[0] / 12
    assert WindowOptions.of(*given) == WindowOptions(given[0], overlap, back_off=back_off)


def test_a_chain_is_for_chains_alone():
    assert WindowOptions.of(30.0, plan="chains", chain=60.0).chain == 60.0
    with pytest.raises(ValueError, match="chain is for the plan 'chains'"):
        WindowOptions.of(30.0, chain=60.0)


def test_a_window_of_nothing_is_refused_for_its_length():
    with pytest.raises(ValueError, match="window must be 1 to 30"):
        WindowOptions.of(-3.0)


def test_at_most_two_rounds_of_repair():
    with pytest.raises(ValueError, match="got 3"):
        MergeOptions(repair_rounds=3)
