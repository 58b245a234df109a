from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunking.options import SegmentOptions
from chunking.text.breaks import can_break, ends_sentence
from chunking.text.segments import LONG_PAUSE, SegmentBuilder, to_segments
from chunking.text.word_keys import breaks_grapheme
from chunking.types import Piece, Window, Word

PIECES = {
    0: Piece(Window(0, 0, 30), (), avg_logprob=-0.1, temperature=0.0, no_speech_prob=0.01),
    1: Piece(Window(1, 25, 55), (), avg_logprob=-0.5, temperature=0.4, compression_ratio=1.5),
    2: Piece(Window(2, 50, 80), (), language="hi"),
}
OPTIONS = SegmentOptions()


def say(text, *, start=0.0, window=0, gap=0.05, each=0.3):
    words = []
    for index, part in enumerate(text.split(" ")):
        words.append(Word(f" {part}", start, start + each, 0.9, (index,), window, index))
        start += each + gap
    return words


@st.composite
def spoken(draw):
    texts = draw(
        st.lists(
            st.sampled_from(
                [
                    " a",
                    " word",
                    " end.",
                    " what?",
                    " yes,",
                    "न",
                    " नमस्ते",
                    "।",
                    "今天",
                    "กำ",
                    "ำ",
                    " Mr.",
                    "'s",
                ]
            ),
            max_size=80,
        )
    )
    words, clock = [], 0.0
    for index, text in enumerate(texts):
        end = clock + draw(st.floats(0.0, 2.0))
        words.append(Word(text, clock, end, 0.9, (), draw(st.integers(0, 2)), index))
        clock = end + draw(st.sampled_from([0.0, 0.1, 1.5]))
    return words


@given(spoken(), st.floats(0.5, 20), st.integers(1, 100))
def test_every_word_is_in_one_segment(words, seconds, characters):
    segments = to_segments(words, PIECES, SegmentOptions(seconds, characters))
    assert [word for segment in segments for word in segment.words] == words
    assert "".join(segment.text for segment in segments) == "".join(word.text for word in words)
    assert [segment.id for segment in segments] == list(range(len(segments)))
    for left, right in pairwise(segments):
        assert not breaks_grapheme(left.text, right.text)
        assert left.end <= right.start


@given(spoken(), st.lists(st.integers(0, 10), max_size=20))
def test_segments_do_not_depend_on_how_words_arrive(words, portions):
    builder = SegmentBuilder(OPTIONS)
    emitted, position = [], 0
    for size in portions:
        emitted += builder.add(words[position : position + size], PIECES)
        position += size
    emitted += builder.finish(words, PIECES)
    assert tuple(emitted) == builder.segments == to_segments(words, PIECES, OPTIONS)


@given(spoken())
def test_segments_are_short_enough_where_words_allow_it(words):
    for segment in to_segments(words, PIECES, OPTIONS):
        assert len(segment.words) == 1 or segment.end - segment.start <= OPTIONS.max_duration


def texts(words, options=OPTIONS):
    return [segment.text.strip() for segment in to_segments(words, PIECES, options)]


def test_sentences():
    words = say("This is one sentence. And here is another one! Is it?")
    assert texts(words) == ["This is one sentence.", "And here is another one!", "Is it?"]


def test_titles_and_initials_end_no_sentence():
    words = say("I met Mr. Smith and J. R. Jones there. Then left.")
    assert texts(words) == ["I met Mr. Smith and J. R. Jones there.", "Then left."]


def test_very_short_sentences_share_a_segment():
    assert texts(say("No. Yes. But then we went away.")) == ["No. Yes. But then we went away."]


def test_a_long_pause_ends_a_segment():
    words = say("one two three") + say("four five", start=1.0 + LONG_PAUSE + 1)
    assert texts(words) == ["one two three", "four five"]


def test_a_long_sentence_breaks_at_a_clause():
    words = say("when all of this was over and done, we went home to sleep for a while")
    assert texts(words, SegmentOptions(max_characters=60)) == [
        "when all of this was over and done,",
        "we went home to sleep for a while",
    ]


def test_hindi_sentences():
    words = say("यह एक वाक्य है। और यह दूसरा है।", window=2)
    assert texts(words) == ["यह एक वाक्य है।", "और यह दूसरा है।"]


def test_chinese_is_broken_without_blanks():
    text = "今天天气很好我们一起去公园散步吧然后回家吃饭"
    words = [Word(c, n * 0.3, n * 0.3 + 0.3, 0.9, (), 0, n) for n, c in enumerate(text)]
    segments = to_segments(words, PIECES, SegmentOptions(max_duration=3.0))
    assert len(segments) == 3


def test_another_language_is_another_segment():
    words = say("hello there my") + say("नमस्ते जी", start=1.1, window=2)
    assert [s.language for s in to_segments(words, PIECES, OPTIONS)] == ["en", "hi"]


def test_figures_come_from_the_piece_of_most_words():
    words = say("one two") + say("three four five.", start=0.8, window=1)
    (segment,) = to_segments(words, PIECES, OPTIONS)
    assert segment.avg_logprob == -0.5
    assert segment.temperature == 0.4
    assert segment.compression_ratio == 1.5


def test_ids_go_on():
    assert to_segments(say("a b."), PIECES, OPTIONS, first_id=7)[0].id == 7


def test_no_words():
    assert to_segments([], PIECES, OPTIONS) == ()


def test_a_segment_leaves_when_the_next_one_begins():
    builder = SegmentBuilder(OPTIONS)
    words = say("This is a sentence. Next one")
    assert builder.add(words[:4], PIECES) == ()
    assert [s.text for s in builder.add(words[4:], PIECES)] == [" This is a sentence."]


@pytest.mark.parametrize("options", [{"max_duration": 0.0}, {"max_characters": 0}])
def test_impossible_options(options):
    with pytest.raises(ValueError, match="max_"):
        SegmentOptions(**options)


def test_where_a_break_is_allowed():
    def pair(before, after):
        return Word(before, 0, 1, 1, (), 0, 0), Word(after, 1, 2, 1, (), 0, 1)

    assert can_break(*pair(" a", " b"))
    assert not can_break(*pair(" well", "-known"))
    assert can_break(*pair("今", "天"))
    assert not can_break(*pair("天", "）"))
    assert not can_break(*pair("ก", "ำ"))
    assert ends_sentence(Word(" end.”", 0, 1, 1, (), 0, 0))
    assert not ends_sentence(Word(" e.g.", 0, 1, 1, (), 0, 0))
