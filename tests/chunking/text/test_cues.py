from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunking.options import CueOptions, SegmentOptions
from chunking.text import cues as cues_module
from chunking.text.breaks import can_break
from chunking.text.cues import break_lines, columns, to_cues
from chunking.text.segments import to_segments
from chunking.text.word_keys import split_graphemes
from chunking.types import Piece, Window, Word

PIECES = {0: Piece(Window(0, 0, 30), ())}
OPTIONS, SEGMENTS = CueOptions(), SegmentOptions()


def say(text, *, each=0.3, gap=0.05, start=0.0):
    parts = text.split(" ")
    return [
        Word(f" {part}", start + n * (each + gap), start + n * (each + gap) + each, 1, (), 0, n)
        for n, part in enumerate(parts)
    ]


def cues_of(words, options=OPTIONS, segments=SEGMENTS):
    return tuple(to_cues(to_segments(words, PIECES, segments), options))


LONG = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, "
    "it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity"
)


@given(
    st.lists(st.text("abcdé", min_size=1, max_size=12), min_size=1, max_size=60),
    st.integers(8, 50),
    st.integers(1, 3),
    st.floats(0.05, 1.0),
)
def test_cues_keep_their_limits(texts, width, lines, each):
    options = CueOptions(max_line_length=width, max_lines=lines)
    words = say(" ".join(texts), each=each)
    cues = cues_of(words, options)
    assert [word for cue in cues for word in cue.words] == words
    for cue in cues:
        assert len(cue.lines) <= lines
        assert all(columns(line) <= max(width, 12) for line in cue.lines)
        assert " ".join(cue.lines).split() == "".join(w.text for w in cue.words).split()
        assert cue.end - cue.start <= options.max_duration + 1e-9
    for left, right in pairwise(cues):
        assert left.end <= right.start


def test_a_long_sentence_breaks_at_clauses():
    cues = cues_of(say(LONG))
    assert cues[0].words[-1].text.endswith(",")
    assert len(cues) >= 2


def test_lines_are_balanced():
    lines = break_lines(say("it was the age of wisdom and it was the age of folly"), OPTIONS)
    assert len(lines) == 2
    assert abs(len(lines[0]) - len(lines[1])) <= 4


def test_a_short_cue_stays_until_it_can_be_read():
    (cue,) = cues_of(say("Yes."))
    assert cue.end == OPTIONS.min_duration
    (slow,) = cues_of(say("incomprehensibilities notwithstanding", each=0.5))
    assert slow.end == pytest.approx(37 / OPTIONS.reading_speed)


def test_a_cue_that_cannot_be_read_leaves_a_second_after_its_last_word():
    """What follows may be five minutes of music."""
    (fast,) = cues_of(say("incomprehensibilities notwithstanding", each=0.1))
    assert fast.end == pytest.approx(fast.words[-1].end + 1.0)


def test_the_next_cue_is_not_covered():
    segments = [
        segment
        for words in (say("Oh no."), say("Well then.", start=1.5))
        for segment in to_segments(words, PIECES, SegmentOptions())
    ]
    first, second = to_cues(segments, CueOptions(reading_speed=1.0))
    assert first.end == second.start


def test_an_endless_word_leaves_the_screen():
    (cue,) = cues_of([Word(" hm", 3.0, 60.0, 1, (), 0, 0)])
    assert cue.end == 3.0 + OPTIONS.max_duration


def test_a_word_longer_than_a_line_is_whole():
    word = "x" * 60
    assert [cue.lines for cue in cues_of(say(f"a {word} b"))] == [("a",), (word,), ("b",)]


def test_wide_letters_take_two_columns():
    text = "今天天气很好我们一起去公园散步吧然后回家吃饭再看一部电影"
    words = [Word(c, n * 0.1, n * 0.1 + 0.1, 0.9, (), 0, n) for n, c in enumerate(text)]
    (cue,) = cues_of(words)
    assert [len(line) for line in cue.lines] == [14, 14]


def test_thai_marks_stay_with_their_letters():
    text = "สวัสดีครับ" * 8
    letters = [Word(c, n * 0.05, n * 0.05 + 0.05, 0.9, (), 0, n) for n, c in enumerate(text)]
    lines = [line for cue in cues_of(letters, CueOptions(max_line_length=9)) for line in cue.lines]
    assert "".join(lines) == text
    assert [g for line in lines for g in split_graphemes(line)] == split_graphemes(text)


def test_a_word_is_looked_at_as_often_in_a_long_segment_as_in_a_short_one(monkeypatch):
    """Where all words of a segment are said within the time of one cue."""
    looks = []

    def counted(before, after):
        looks.append(after)
        return can_break(before, after)

    def looks_at_each_of(number):
        looks.clear()
        words = say(" ".join(["word"] * number), each=6.0 / number, gap=0.0)
        cues_of(words, segments=SegmentOptions(max_characters=10 * number))
        return len(looks) / number

    monkeypatch.setattr(cues_module, "can_break", counted)
    assert looks_at_each_of(800) < 1.1 * looks_at_each_of(100)


def test_blank_segments_have_no_cue():
    assert cues_of([Word(" ", 0.0, 0.2, 1, (), 0, 0)]) == ()
    assert list(to_cues(())) == []


@pytest.mark.parametrize(
    "options",
    [
        {"max_lines": 0},
        {"max_line_length": 0},
        {"min_duration": 9.0},
        {"reading_speed": 0.0},
        {"max_duration": 0.0, "min_duration": 0.0},
    ],
)
def test_impossible_options(options):
    with pytest.raises(ValueError, match="got"):
        CueOptions(**options)
