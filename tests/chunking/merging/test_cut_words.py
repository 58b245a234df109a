"""What a window hears of a word that its edge cuts is not said beside the whole word."""

from __future__ import annotations

import pytest

from chunking.merging.cut_words import WholeWords
from chunking.merging.merger import Merger, merge
from chunking.options import MergeOptions
from chunking.types import Piece, Span, Window, Word

LEFT, RIGHT = Window(0, 0.0, 30.0), Window(1, 25.0, 55.0)


def piece(window, *words):
    """Words as (text, start, end, probability)."""
    return Piece(
        window,
        tuple(
            Word(f" {text}", start, end, probability, (), window.index, index)
            for index, (text, start, end, probability) in enumerate(words)
        ),
    )


def said(whole, word):
    """What of `word`, the first of its window, is said behind `whole` of another one."""
    pieces = {0: piece(LEFT, whole), 1: piece(RIGHT, word, ("and", 26.0, 26.2, 0.9))}
    first, *others = through(pieces, *pieces[0].words, *pieces[1].words)
    assert first == whole[0]
    return others


def through(pieces, *words):
    """Texts of the words that are let through, given one by one."""
    whole = WholeWords(pieces)
    done = [one for word in words for one in whole.push([word])] + whole.flush()
    return [word.text.strip() for word in done]


WHOLE = ("eight", 24.6, 25.3, 0.9)


@pytest.mark.parametrize(
    "rest",
    [
        ("8", 25.0, 25.3, 0.4),  # written otherwise
        ("ate", 25.0, 25.4, 0.2),  # misheard
        ("t", 25.0, 25.0, 0.1),  # without any time
    ],
)
def test_a_rest_of_a_word_is_not_said_beside_it(rest):
    assert said(WHOLE, rest) == ["and"]


@pytest.mark.parametrize(
    ("whole", "word"),
    [
        (WHOLE, ("8", 25.0, 25.3, 0.6)),  # its window is sure of it
        (WHOLE, ("nine", 25.1, 25.8, 0.4)),  # it has more time of its own
        (("eight", 24.6, 25.0, 0.9), ("nine", 25.0, 25.3, 0.4)),  # nothing is cut
        (("I", 23.4, 27.9, 0.9), ("see", 25.3, 25.6, 0.4)),  # a stretched word hides what follows
    ],
)
def test_all_else_is_said(whole, word):
    assert said(whole, word) == [word[0], "and"]


def test_only_the_first_word_of_a_window_is_a_rest():
    both = piece(LEFT, WHOLE, ("8", 25.0, 25.3, 0.4))
    assert through({0: both}, *both.words) == ["eight", "8"]
    other = piece(RIGHT, ("a", 24.0, 24.1, 0.9), ("8", 25.0, 25.3, 0.4))
    assert through({0: both, 1: other}, both.words[0], other.words[1]) == ["eight", "8"]


def ended(word, whole, *, then=()):
    """What is said of `word`, the last of a window that ends at 30.0, before `whole` of the next.
    `then`: words of its window behind it that are not said."""
    pieces = {0: piece(LEFT, ("an", 29.0, 29.4, 0.9), word, *then), 1: piece(RIGHT, whole)}
    return through(pieces, *pieces[0].words[:2], *pieces[1].words)


UMBRELLA = ("umbrella", 29.7, 30.4, 0.9)


@pytest.mark.parametrize(
    "beginning",
    [("um", 29.8, 29.95, 0.3), ("I'm", 29.7, 30.0, 0.2), ("u", 29.9, 29.9, 0.1)],
)
def test_a_beginning_of_a_word_is_not_said_beside_it(beginning):
    assert ended(beginning, UMBRELLA) == ["an", "umbrella"]


@pytest.mark.parametrize(
    ("word", "whole", "then"),
    [
        (("um", 29.8, 29.95, 0.6), UMBRELLA, ()),  # its window is sure of it
        (("um", 29.5, 29.8, 0.3), UMBRELLA, ()),  # it has more time of its own
        (("um", 29.8, 29.95, 0.3), ("umbrella", 30.0, 30.6, 0.9), ()),  # nothing is cut
        (("um", 29.8, 29.9, 0.3), UMBRELLA, (("so", 29.9, 30.0, 0.9),)),  # its window goes on
    ],
)
def test_all_else_is_said_before_it(word, whole, then):
    assert ended(word, whole, then=then) == ["an", word[0], whole[0]]


def test_a_beginning_behind_a_pause_is_dropped_by_the_merge():
    merged = merge(
        [
            piece(LEFT, ("a", 20.0, 20.3, 0.9), ("b", 24.0, 24.4, 0.9), ("um", 29.8, 29.95, 0.3)),
            piece(RIGHT, UMBRELLA, ("c", 31.0, 31.4, 0.9)),
        ],
        MergeOptions(0),
        duration=55.0,
    )
    assert [word.text.strip() for word in merged.words] == ["a", "b", "umbrella", "c"]


def test_a_repair_that_hears_the_word_whole_is_believed():
    """A window stops writing before its end, the next one begins inside "1470" and writes "70"."""
    merger = Merger([LEFT, RIGHT], evidence=[Span(20.0, 27.0)], duration=55.0)
    merger.add(piece(LEFT, ("suit", 20.0, 22.0, 0.9)))
    merger.add(piece(RIGHT, ("70", 25.0, 25.5, 0.4), ("at", 25.5, 27.0, 0.9)))
    (request,) = merger.requests()
    merger.add(
        piece(
            request.window,
            *(("while", 22.5, 23.5, 0.9), ("in", 23.5, 24.0, 0.9), ("1470", 24.0, 25.5, 0.9)),
            ("at", 25.5, 27.0, 0.9),
        )
    )
    texts = [word.text.strip() for word in merger.finish().words]
    assert texts == ["suit", "while", "in", "1470", "at"]
