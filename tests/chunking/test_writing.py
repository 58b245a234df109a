"""Official Whisper does not write the sentence that a window's end cuts; it stops before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chunking.merge import merge
from chunking.options import MergeOptions, WindowOptions
from chunking.types import Piece, Span, Window, Word
from chunking.windows import plan_windows
from tests.chunking.plant import chat, duration_of, hear, speech_of, texts

NO_REPAIR = MergeOptions(repair_rounds=0)
LEFT, RIGHT = Window(0, 0.0, 30.0), Window(1, 25.0, 55.0)


def stop_writing(piece, at):
    """`piece` of a recogniser that closed its last segment before `at` and wrote no more."""
    words = tuple(word for word in piece.words if word.end <= at)
    return replace(piece, words=words, timed_text=text_of(words))


def text_of(words):
    return (Span(words[0].start, words[-1].end),) if words else ()


# Joints that only one window has words in


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.floats(0.0, 5.0), st.sampled_from([3.0, 5.0, 10.0]))
def test_what_the_left_window_left_unwritten_the_right_one_tells(seed, early, overlap):
    """Wherever in the overlap the left window stops: no word is lost, none is said twice."""
    said = chat(200, seed)
    windows = plan_windows(speech_of(said), duration_of(said), WindowOptions(overlap=overlap))
    pieces = [hear(window, said, jitter=0.05) for window in windows]
    for place, following in enumerate(windows[1:]):
        stop = max(windows[place].end - early, following.start + 0.5)
        pieces[place] = stop_writing(pieces[place], stop)
    merged = merge(pieces, NO_REPAIR, evidence=speech_of(said), duration=duration_of(said))
    assert texts(merged.words) == texts(said)


def heard_as(window, *words):
    """(text, start) pairs of 0.3 s words."""
    return Piece(
        window,
        tuple(
            Word(f" {text}", start, start + 0.3, 0.9, (), window.index, index)
            for index, (text, start) in enumerate(words)
        ),
    )


@pytest.mark.parametrize("last", [20.0, 24.9, 25.1])
def test_the_right_window_speaks_alone_from_where_the_left_one_stopped(last):
    left = heard_as(LEFT, ("early", last))
    right = heard_as(RIGHT, ("nobody", 25.5), ("else", 25.8), ("wrote", 26.3), ("this", 27.0))
    evidence = [Span(last, last + 0.3), Span(25.5, 27.3)]
    merged = merge([left, right], NO_REPAIR, evidence=evidence, duration=55.0)
    assert texts(merged.words) == ["early", "nobody", "else", "wrote", "this"]
    assert merged.seams[0].status == "voted"


def test_a_word_that_the_left_window_heard_otherwise_is_not_said_twice():
    left = heard_as(LEFT, ("early", 24.0), ("whether", 25.5))
    right = heard_as(RIGHT, ("weather", 25.5), ("was", 26.3), ("fine", 27.0))
    merged = merge([left, right], NO_REPAIR, evidence=[Span(24.0, 27.3)], duration=55.0)
    assert len(texts(merged.words)) == 4
