from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chunking.merging.seam_regions import REACH, first_from, lay_seam_regions
from chunking.options import WindowOptions
from chunking.types import Span, Window, Word
from chunking.windows import plan_windows


def test_a_seam_region_reaches_around_the_overlap():
    (seam_region,) = lay_seam_regions([Window(0, 0.0, 30.0), Window(1, 25.0, 55.0)])
    assert seam_region.overlap == Span(25.0, 30.0)
    assert seam_region.interval == Span(25.0 - REACH, 30.0 + REACH)


def test_windows_that_do_not_meet_share_nothing():
    (seam_region,) = lay_seam_regions([Window(0, 0.0, 20.0), Window(1, 50.0, 70.0)])
    assert seam_region.overlap is None
    assert seam_region.interval == Span(20.0, 50.0)


@given(st.floats(1, 400), st.floats(0, 15), st.sampled_from([0.0, 7.0]))
def test_seam_regions_are_disjoint_and_hold_their_seams(duration, overlap, phase):
    options = WindowOptions(30.0, overlap, phase)
    seam_regions = lay_seam_regions(plan_windows((Span(0, duration),), duration, options))
    for left, right in pairwise(seam_regions):
        assert left.interval.end <= right.interval.start
    for seam_region in seam_regions:
        if seam_region.overlap is not None:
            middle = (seam_region.overlap.start + seam_region.overlap.end) / 2
            assert seam_region.interval.start <= middle <= seam_region.interval.end


def test_words_belong_to_one_side_of_a_time():
    words = [Word(" a", n, n + 1.0, 0.9, (), 0, n) for n in range(4)]
    assert [first_from(words, time) for time in (0.0, 0.3, 0.6, 9.0)] == [0, 0, 1, 4]
