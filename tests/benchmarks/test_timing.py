from __future__ import annotations

from benchmarks.alignment import Reference, align
from benchmarks.formats.types import TimedWord
from benchmarks.normalizers import normalizer_named
from benchmarks.timing import times_of_pairs, times_of_words
from chunking.types import Span

ENGLISH = normalizer_named("openai-english")
NONE = normalizer_named("none")


def test_merged_words_share_their_times() -> None:
    timed = [
        TimedWord("I", 0.0, 0.2),
        TimedWord("have", 0.2, 0.5),
        TimedWord("twenty", 0.5, 1.0),
        TimedWord("one", 1.0, 1.4),
        TimedWord("cats.", 1.4, 2.0),
    ]
    spans = times_of_words(ENGLISH.words("I have twenty one cats."), timed, ENGLISH)
    assert spans == (Span(0.0, 0.2), Span(0.2, 0.5), Span(0.5, 1.4), Span(1.4, 2.0))


def test_split_word_keeps_its_time() -> None:
    spans = times_of_words(("it", "is", "fine"), [TimedWord("it's", 1.0, 2.0)], ENGLISH)
    assert spans[:2] == (Span(1.0, 2.0), Span(1.0, 2.0))
    assert spans[2] is None


def test_columns_take_the_time_of_reference_then_hypothesis_then_neighbours() -> None:
    pairs = align(Reference(("a", "b", "c")), ("a", "new", "c"))
    reference = (Span(1.0, 1.5), None, Span(3.0, 3.5))
    assert times_of_pairs(pairs, reference, (), 10.0) == (1.0, 2.0, 3.0)
    heard = (None, Span(2.5, 2.6), None)
    assert times_of_pairs(pairs, reference, heard, 10.0) == (1.0, 2.5, 3.0)


def test_without_times_columns_are_spread_over_the_duration() -> None:
    pairs = align(Reference(("a", "b", "c")), ("a", "b", "c"))
    assert times_of_pairs(pairs, (), (), 8.0) == (2.0, 4.0, 6.0)
    assert times_of_pairs(pairs, (), (), None) == (None, None, None)
    assert times_of_pairs(align(Reference(("a",)), ("a",)), (Span(1, 2),), (), None) == (1.0,)


def test_no_words() -> None:
    assert times_of_words((), (), NONE) == ()
    assert times_of_pairs((), (), (), 5.0) == ()
