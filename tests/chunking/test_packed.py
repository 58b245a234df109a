"""A packed list reads like a plain one and takes little memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunking.packed import Packed
from chunking.types import Word

PLACES = st.none() | st.integers(-30, 30)


@given(st.lists(st.integers()), st.lists(st.integers()), st.integers(1, 7))
def test_reads_like_a_plain_list(first, more, block):
    packed = Packed(first, block=block)
    packed.extend(more)
    plain = first + more
    assert len(packed) == len(plain)
    assert list(packed) == plain
    assert packed == plain
    assert packed == tuple(plain)
    assert [packed[place] for place in range(-len(plain), len(plain))] == plain + plain


@given(st.integers(0, 20), st.integers(1, 7), PLACES, PLACES, PLACES.filter(lambda step: step != 0))
def test_slices_are_those_of_a_tuple(count, block, first, stop, step):
    plain = tuple(range(count))
    packed = Packed(plain[: count // 2], block=block)
    packed.extend(plain[count // 2 :])
    assert packed[first:stop:step] == plain[first:stop:step]


def test_place_outside_is_an_error():
    with pytest.raises(IndexError):
        Packed([1])[1]


def test_differs_from_other_values_and_other_things():
    assert Packed([1]) != [2]
    assert Packed([1]) != [1, 1]
    assert Packed("a") != "a"
    assert repr(Packed([1])) == "Packed([1])"


def test_words_take_a_fifth_of_the_memory_and_reading_them_hardly_any():
    def words(count):
        for number in range(count):
            time = number / 2.7
            yield Word(f" word{number}", time, time + 0.3, number / 7.0, (number, 1), 1, number)

    def bytes_of(make):
        tracemalloc.start()
        kept = make()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert sum(1 for _ in kept) == 10_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return held, peak - held

    plain, _ = bytes_of(lambda: tuple(words(10_000)))
    packed, reading = bytes_of(lambda: Packed(words(10_000)))
    assert packed < plain / 5
    assert reading < plain / 10
