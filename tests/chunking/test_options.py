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
    ],
)
def test_impossible_windows(options, message):
    with pytest.raises(ValueError, match=message):
        WindowOptions(**options)


@pytest.mark.parametrize(
    ("given", "overlap"), [((30.0,), 5.0), ((12.0,), 2.0), ((12.0, 0.0), 0.0), ((30.0, 10.0), 10.0)]
)
def test_a_short_window_overlaps_by_the_same_share(given, overlap):
    assert WindowOptions.of(*given) == WindowOptions(given[0], overlap)


def test_a_window_of_nothing_is_refused_for_its_length():
    with pytest.raises(ValueError, match="window must be 1 to 30"):
        WindowOptions.of(-3.0)


def test_at_most_two_rounds_of_repair():
    with pytest.raises(ValueError, match="got 3"):
        MergeOptions(repair_rounds=3)
