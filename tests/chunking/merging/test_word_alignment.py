from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chunking.merging.word_alignment import Column, align, clock_offset
from chunking.text.word_keys import Unit
from chunking.types import Span

SHARED = Span(0.0, 100.0)


def units(*pairs):
    return [Unit(text, start, start + 0.3, n, n) for n, (text, start) in enumerate(pairs)]


def pairs_of(columns):
    return [(c.left, c.right) for c in columns if c.agrees]


def test_equal_words():
    left = units(("a", 10.0), ("b", 11.0), ("c", 12.0))
    assert align(left, left, SHARED) == [Column(n, n, agrees=True) for n in range(3)]


def test_a_repeated_word_far_away_is_no_match():
    left = units(("yes", 10.0), ("but", 11.0))
    right = units(("but", 11.1), ("why", 14.0), ("yes", 15.0))
    assert pairs_of(align(left, right, SHARED)) == [(1, 0)]


def test_nearly_equal_words_are_paired_but_do_not_agree():
    columns = align(units(("realise", 10.0)), units(("realize", 10.1)), SHARED)
    assert columns == [Column(0, 0, agrees=False)]


def test_the_other_clock_is_ahead():
    left = units(*((f"w{n}", 10.0 + 0.4 * n) for n in range(8)))
    right = units(*((f"w{n}", 10.9 + 0.4 * n) for n in range(8)))
    assert abs(clock_offset(left, right) - 0.9) < 1e-9
    assert len(pairs_of(align(left, right, SHARED))) == 8


def test_two_common_words_are_too_few_for_a_clock():
    left, right = units(("a", 1.0), ("b", 2.0)), units(("a", 1.5), ("b", 2.5))
    assert clock_offset(left, right) == 0.0


def test_a_word_that_ends_late_is_still_found():
    left = [Unit("word", 10.0, 18.0, 0, 0)]
    assert pairs_of(align(left, units(("word", 10.1)), SHARED)) == [(0, 0)]


def test_words_in_a_hole_need_no_partner():
    left = units(("a", 10.0), ("a", 14.0))
    right = units(("a", 10.6), ("b", 11.5), ("a", 12.5), ("a", 14.0))
    columns = align(left, right, SHARED, hole=Span(11.0, 13.5))
    assert pairs_of(columns) == [(0, 0), (1, 3)]


def test_nothing_to_align():
    assert align([], [], SHARED) == []
    assert align(units(("a", 1.0)), [], SHARED) == [Column(0, None)]


SIDES = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 20)), max_size=12).map(
    lambda pairs: units(*sorted(pairs, key=lambda pair: pair[1]))
)


@given(SIDES, SIDES)
def test_every_unit_is_in_one_column_in_order(left, right):
    columns = align(left, right, Span(2.0, 18.0))
    assert [c.left for c in columns if c.left is not None] == list(range(len(left)))
    assert [c.right for c in columns if c.right is not None] == list(range(len(right)))
    for column in columns:
        if column.agrees:
            assert left[column.left].key == right[column.right].key
