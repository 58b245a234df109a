"""What a window hears of a word that its edge cuts is not said beside the whole word."""

from __future__ import annotations

import pytest

from chunking.merging.cut_words import drop_rests
from chunking.merging.merger import Merger
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
    words = drop_rests(pieces[1].words, pieces[0].words[0], pieces)
    return [one.text.strip() for one in words]


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


def test_only_the_first_word_of_a_window_is_cut():
    both = piece(LEFT, WHOLE, ("8", 25.0, 25.3, 0.4))
    assert list(drop_rests(both.words, None, {0: both})) == list(both.words)
    other = piece(RIGHT, ("a", 24.0, 24.1, 0.9), ("8", 25.0, 25.3, 0.4))
    second = other.words[1:]
    assert list(drop_rests(second, both.words[0], {0: both, 1: other})) == list(second)


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
