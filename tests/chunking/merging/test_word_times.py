from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chunking.merging.word_times import MonotonicTimes
from chunking.types import Word


def word(start, end, index=0):
    return Word(f" w{index}", start, end, 0.9, (), 0, index)


def test_words_in_order_are_untouched():
    words = [word(0.0, 1.0), word(1.0, 2.0, 1), word(5.0, 6.0, 2)]
    clock = MonotonicTimes()
    assert clock.push(words) == words[:2]
    assert clock.flush() == words[2:]
    assert clock.flush() == []


def test_words_that_overlap_meet_in_between():
    clock = MonotonicTimes()
    (first,) = clock.push([word(1.0, 2.0), word(1.6, 3.0, 1)])
    (second,) = clock.flush()
    assert (first.start, first.end, second.start, second.end) == (1.0, 1.8, 1.8, 3.0)


def test_a_stretched_word_gives_way():
    clock = MonotonicTimes()
    (first,) = clock.push([word(1.0, 20.0), word(4.0, 4.4, 1)])
    assert first.end <= 4.2


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 5)), max_size=20))
def test_times_never_go_back_and_no_word_is_lost_or_moved(pairs):
    words = [word(start, start + length, n) for n, (start, length) in enumerate(pairs)]
    clock = MonotonicTimes()
    done = clock.push(words) + clock.flush()
    assert [w.index for w in done] == list(range(len(words)))
    assert all(w.start <= w.end for w in done)
    assert all(a.end <= b.start for a, b in pairwise(done))
