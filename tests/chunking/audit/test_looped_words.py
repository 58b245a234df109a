from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunking.audit.coverage import drop_invented
from chunking.audit.looped_words import drop_looped, drop_written_on
from chunking.types import Piece, Span, Window, Word

SAID = ["2", "3", "6", "0", "9", "7", "5", "2", "4"]


def spoken(texts, *, start=0.0, seconds=0.5):
    return tuple(
        Word(f" {text},", start + seconds * at, start + seconds * (at + 1), 0.9, (), 0, at)
        for at, text in enumerate(texts)
    )


def on_one_spot(texts, at):
    return tuple(Word(f" {text},", at, at, 0.9, (), 0, 100 + n) for n, text in enumerate(texts))


def test_a_loop_at_the_end_is_dropped():
    """150 digits, the last eight of them written twice: the first of the second time has 0.3 s."""
    said = spoken([*SAID, "3"])
    piece = Piece(
        Window(0, 0.0, 30.0), said + on_one_spot(["6", "0", "9", "7", "5", "2", "4"], said[-1].end)
    )
    assert drop_looped(piece.words) == said
    assert drop_invented(piece, [Span(0.0, 30.0)]).words == said


def test_it_may_be_written_many_times_and_otherwise():
    said = spoken(["Thank", "you", "very", "much"])
    again = on_one_spot(
        ["thank", "YOU", "very,", "much", "thank", "you", "very", "much.", "Thank", "you"], 2.0
    )
    assert drop_looped(said + again) == said


@pytest.mark.parametrize(
    "words",
    [
        (),
        spoken(SAID * 2),  # said twice
        spoken(SAID)
        + on_one_spot(["1", "8", "1", "8", "1"], 4.5),  # other words, and they may be said
        spoken(SAID) + on_one_spot(SAID[-4:], 4.5),  # too few to tell
        spoken(SAID) + on_one_spot(SAID, 4.5) + spoken(["8"], start=5.0),  # not at the end
        spoken(["no"] * 3) + on_one_spot(["no"] * 6, 1.5),
        on_one_spot(SAID, 0.0),
    ],
)
def test_all_else_stays(words):
    assert drop_looped(words) == words


WRITTEN_ON = spoken(["1", "2", "3"], start=28.5)
"""Until the very end of a window of thirty seconds."""


def test_what_is_written_on_when_the_sound_is_over_is_dropped():
    """Digits are read, the last of them at the end, and base counts on."""
    for late in (["4", "5", "6", "7", "8"], ["9", "7"]):
        words = WRITTEN_ON + on_one_spot(late, 30.0)
        assert drop_written_on(words, 30.0) == WRITTEN_ON
        piece = Piece(Window(0, 0.0, 30.0), words)
        assert drop_invented(piece, [Span(0.0, 30.0)]).words == WRITTEN_ON


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ((), 30.0),
        (WRITTEN_ON + on_one_spot(["4"], 30.0), 30.0),  # one may have been cut
        (WRITTEN_ON + on_one_spot(["4", "-", "!"], 30.0), 30.0),
        (WRITTEN_ON + on_one_spot(["4", "5"], 30.0), 30.1),  # there is sound behind them
        (WRITTEN_ON + spoken("\u6b22\u4f60", start=29.92, seconds=0.04), 30.0),  # one word, cut
        (spoken(["said"], start=27.2, seconds=2.8) + on_one_spot(["you", "know"], 30.0), 30.0),
        (on_one_spot(["thank", "you"], 30.0), 30.0),  # there is nothing else
    ],
)
def test_what_may_be_said_at_the_end_stays(words, end):
    assert drop_written_on(words, end) == words


def stutter(text, probability, seconds=0.0):
    """A digit, `text` behind it for so many seconds, and two more."""
    again = Word(f" {text},", 0.5, 0.5 + seconds, probability, (), 0, 100)
    return (*spoken(["1"]), again, *spoken(["0", "1"], start=0.6))


def test_a_doubtful_word_once_more_in_no_time_is_dropped():
    """Three ones and a nought, of which four ones are written."""
    assert drop_looped(stutter("1", 0.13)) == stutter("1", 0.13)[:1] + stutter("1", 0.13)[2:]


@pytest.mark.parametrize(
    "words", [stutter("1", 0.6), stutter("1", 0.13, seconds=0.04), stutter("7", 0.13)]
)
def test_one_that_may_be_said_stays(words):
    assert drop_looped(words) == words


@given(st.lists(st.sampled_from("abc"), max_size=40), st.floats(0.06, 1.0))
def test_what_took_its_time_stays(texts, seconds):
    words = spoken(texts, seconds=seconds)
    assert drop_looped(words) == words
