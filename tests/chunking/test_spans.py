from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunking.spans import clip, gaps, intersect, subtract, total, unite, widen
from chunking.types import Span

SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 10)).map(lambda p: Span(p[0], p[0] + p[1])),
    max_size=12,
)


def moments(spans):
    """Every half second inside `spans`, edges left out."""
    return {n for n in range(120) for s in spans if s.start < n / 2 + 0.25 < s.end}


@given(SPANS)
def test_a_union_covers_the_same(spans):
    united = unite(spans)
    assert moments(united) == moments(spans)
    assert all(a.end < b.start for a, b in pairwise(united))


@given(SPANS, SPANS)
def test_an_intersection_has_what_both_have(spans, others):
    both = intersect(unite(spans), unite(others))
    assert moments(both) == moments(spans) & moments(others)
    assert all(a.end <= b.start for a, b in pairwise(both))


@given(SPANS, SPANS)
def test_a_difference_has_what_only_the_first_has(spans, holes):
    assert moments(subtract(unite(spans), unite(holes))) == moments(spans) - moments(holes)


@given(SPANS, st.integers(0, 30), st.integers(0, 20))
def test_a_clip_is_an_intersection(spans, start, length):
    bounds = Span(start, start + length)
    assert moments(clip(unite(spans), bounds)) == moments(spans) & moments([bounds])


def test_bridges_close_small_gaps():
    assert unite([Span(2, 3), Span(0, 1)], bridge=1.0) == (Span(0, 3),)


def test_gaps():
    assert gaps((Span(1, 2),), Span(0, 3)) == (Span(0, 1), Span(2, 3))
    assert gaps((), Span(1, 1)) == ()


def test_wider_spans_start_no_earlier_than_zero():
    assert widen([Span(0.1, 1.0)], 0.5) == (Span(0.0, 1.5),)
    assert total([Span(0, 1), Span(2, 4)]) == 3


def test_a_span_does_not_end_before_it_starts():
    with pytest.raises(ValueError, match="ends no earlier"):
        Span(1.0, 0.5)
