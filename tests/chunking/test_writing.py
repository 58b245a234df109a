"""Official Whisper does not write the sentence that a window's end cuts; it stops before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chunking.audit.coverage import find_unwritten
from chunking.merging.merger import Merger, merge
from chunking.options import MergeOptions, WindowOptions
from chunking.spans import gaps, intersect, unite
from chunking.types import Piece, Span, Window, Word
from chunking.windows import plan_windows
from tests.chunking.plant import Said, chat, duration_of, hear, speak, speech_of, texts

NO_REPAIR = MergeOptions(repair_rounds=0)
LEFT, RIGHT = Window(0, 0.0, 30.0), Window(1, 25.0, 55.0)


def stop_writing(piece, at):
    """`piece` of a recogniser that closed its last segment before `at` and wrote no more."""
    words = tuple(word for word in piece.words if word.end <= at)
    return replace(piece, words=words, timed_text=text_of(words))


def text_of(words):
    return (Span(words[0].start, words[-1].end),) if words else ()


def write(window, said, holes=(), **figures):
    """Hears what is `said` but for the `holes`, where nothing is written either."""
    heard = hear(window, said, **figures)
    words = tuple(
        word
        for word in heard.words
        if not any(hole.start < (word.start + word.end) / 2 < hole.end for hole in holes)
    )
    inside = [Span(word.start, word.end) for word in words]
    return replace(heard, words=words, timed_text=unite(inside, bridge=0.3))


def ask_for(pieces, evidence, duration):
    merger = Merger([p.window for p in pieces], evidence=evidence, duration=duration)
    for piece in pieces:
        merger.add(piece)
    return merger, merger.requests()


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


@pytest.mark.parametrize("is_left_alone", [True, False])
def test_the_only_words_near_a_seam_stay(is_left_alone):
    """In the outermost second of their window, with silence on the seam and behind it."""
    left, right = heard_as(LEFT, ("early", 4.0)), heard_as(RIGHT, ("later", 50.0))
    if is_left_alone:
        left = heard_as(LEFT, ("early", 4.0), ("alone", 29.3))
    else:
        right = heard_as(RIGHT, ("alone", 25.5), ("later", 50.0))
    evidence = [Span(word.start, word.end) for piece in (left, right) for word in piece.words]
    merged = merge([left, right], NO_REPAIR, evidence=evidence, duration=55.0)
    assert texts(merged.words) == ["early", "alone", "later"]


def test_a_word_that_the_left_window_heard_otherwise_is_not_said_twice():
    left = heard_as(LEFT, ("early", 24.0), ("whether", 25.5))
    right = heard_as(RIGHT, ("weather", 25.5), ("was", 26.3), ("fine", 27.0))
    merged = merge([left, right], NO_REPAIR, evidence=[Span(24.0, 27.3)], duration=55.0)
    assert len(texts(merged.words)) == 4


ALONE = [(word, 26.3 + 0.4 * n) for n, word in enumerate(["the", "middle", "ages", "brought"])]


@pytest.mark.parametrize("is_left_alone", [True, False])
def test_words_that_one_window_has_beyond_the_other_dispute_nothing(is_left_alone):
    """One word in common is enough where the left window stopped, or the right one began, at it."""
    if is_left_alone:
        left = heard_as(LEFT, ("early", 24.0), *ALONE, ("themselves", 28.4))
        right = heard_as(RIGHT, ("themselves", 28.5), ("later", 31.0))
    else:
        left = heard_as(LEFT, ("early", 24.0), ("themselves", 25.4))
        right = heard_as(RIGHT, ("themselves", 25.5), *ALONE, ("later", 31.0))
    merged = merge([left, right], MergeOptions(), duration=55.0)
    assert merged.requests == ()
    assert merged.seams[0].status == "agreed"
    middle = [word for word, _ in ALONE]
    told = [*middle, "themselves"] if is_left_alone else ["themselves", *middle]
    assert texts(merged.words) == ["early", *told, "later"]


def test_one_word_in_common_among_others_is_no_anchor():
    left = heard_as(LEFT, ("one", 26.0), ("two", 26.4), ("the", 27.6), ("three", 28.0))
    right = heard_as(RIGHT, ("four", 26.1), ("five", 26.5), ("the", 27.7), ("six", 28.1))
    (request,) = merge([left, right], MergeOptions(), duration=55.0).requests
    assert request.reason == "seam"


# Speech that no window wrote any text for

SAID_OFTEN = [Said(f"w{100 + n}", 0.4 + 0.35 * n, 0.7 + 0.35 * n) for n in range(140)]
TWO_WORDS = Span(SAID_OFTEN[80].start, SAID_OFTEN[81].end)  # too few for their window's pace


def test_a_short_stretch_that_nobody_wrote_is_asked_for():
    said, hole = SAID_OFTEN, TWO_WORDS
    evidence, duration = unite(speech_of(said), bridge=0.3), duration_of(said)
    window = Window(0, 0.0, duration)
    merger, (request,) = ask_for([write(window, said, [hole])], evidence, duration)
    merger.add(write(request.window, said))
    assert texts(merger.finish().words) == texts(said)


def test_as_short_a_stretch_inside_of_text_is_not():
    """There it may well be a word's time that is wrong."""
    said, hole = SAID_OFTEN, TWO_WORDS
    evidence, duration = unite(speech_of(said), bridge=0.3), duration_of(said)
    piece = write(Window(0, 0.0, duration), said, [hole])
    told = replace(piece, timed_text=text_of(piece.words))
    assert ask_for([told], evidence, duration)[1] == ()
    without_timestamps = replace(piece, timed_text=())
    assert ask_for([without_timestamps], evidence, duration)[1] == ()


def test_one_short_word_that_nobody_wrote_is_not_worth_a_window():
    said = speak([f"w{n}" for n in range(60)], 3)
    said[20] = Said("a", said[20].start, said[20].start + 0.4)
    hole = Span(said[20].start, said[20].end)
    piece = write(Window(0, 0.0, duration_of(said)), said, [hole])
    assert ask_for([piece], speech_of(said), duration_of(said))[1] == ()


def test_what_another_window_wrote_is_written():
    """Both windows of a joint are asked, and none that may come later."""
    evidence, duration = unite(speech_of(SAID_OFTEN), bridge=0.3), 55.0
    left, right = (write(window, SAID_OFTEN, [TWO_WORDS]) for window in (LEFT, RIGHT))
    assert len(ask_for([left, right], evidence, duration)[1]) == 1
    for piece in (left, right):
        told = replace(piece, timed_text=text_of(piece.words))
        others = [other for other in (left, right) if other is not piece]
        for order in ([told, *others], [*others, told]):
            merger = Merger([LEFT, RIGHT], evidence=evidence, duration=duration)
            for added in order:
                merger.add(added)
            assert merger.requests() == ()


def test_unwritten_stretches():
    evidence = (Span(0.0, 1.0), Span(1.2, 1.4), Span(5.0, 6.0), Span(9.0, 9.4))
    spoken = [Word(" a", 0.0, 0.3, 0.9, (), 0, 0), Word(" b", 5.2, 5.6, 0.9, (), 0, 1)]
    assert find_unwritten(spoken, evidence, ()) == (Span(0.3, 1.4),)
    assert find_unwritten(spoken, evidence, (Span(0.0, 0.9),)) == ()
    assert find_unwritten((), evidence, (Span(0.0, 2.0),)) == (Span(5.0, 6.0),)


def test_what_one_detector_alone_hears_is_not_worth_a_window():
    """Nor are the edges of words beside it; where both hear speech it is asked for."""
    said, hole = SAID_OFTEN, Span(SAID_OFTEN[80].start, SAID_OFTEN[86].end)
    evidence, duration = unite(speech_of(said), bridge=0.3), duration_of(said)
    window = Window(0, 0.0, duration)
    piece = write(window, said, [hole])
    silent, everything = Span(hole.start + 0.1, hole.end - 0.1), Span(0.0, duration)
    for agreed, asked in ((evidence, 1), (intersect(evidence, gaps([silent], everything)), 0)):
        merger = Merger([window], evidence=evidence, agreed=agreed, duration=duration)
        merger.add(piece)
        assert len(merger.requests()) == asked


# The end of the recording


def test_speech_behind_the_last_word_is_asked_for():
    said = chat(150, 7)
    duration, evidence = duration_of(said), unite(speech_of(said), bridge=0.3)
    windows = plan_windows(evidence, duration, WindowOptions())
    pieces = [hear(window, said) for window in windows]
    pieces[-1] = stop_writing(pieces[-1], duration - 4.0)
    merger, (request,) = ask_for(pieces, evidence, duration)
    assert duration - 5.0 < request.interval.start < request.interval.end <= duration
    merger.add(hear(request.window, said))
    assert texts(merger.finish().words) == texts(said)


# Where a repair begins


def test_a_repair_begins_where_speech_begins_in_earnest():
    said = speak([f"w{n}" for n in range(20)], 5, start=10.0)
    breath = Span(8.0, 8.25)
    piece = heard_as(Window(0, 0.0, 30.0), ("early", 1.0))
    evidence = [Span(1.0, 1.3), breath, *unite(speech_of(said), bridge=0.3)]
    (request,) = ask_for([piece], evidence, 30.0)[1]
    assert request.interval.start < breath.start
    assert said[0].start - 0.5 < request.window.start < said[0].start


def test_a_repair_does_not_begin_with_the_rest_of_the_word_before():
    said = speak([f"w{n}" for n in range(20)], 5, start=10.0)
    piece = heard_as(Window(0, 0.0, 30.0), ("early", 8.8))
    evidence = [Span(8.8, 9.2), *unite(speech_of(said), bridge=0.3)]  # 9.1 to 9.2 is no word's
    (request,) = ask_for([piece], evidence, 30.0)[1]
    assert request.interval.start == pytest.approx(9.1)
    assert said[0].start - 0.5 < request.window.start < said[0].start


def test_a_repair_begins_with_a_short_word_that_more_follows():
    said = [Said("oh", 8.8, 9.05), *speak([f"w{n}" for n in range(20)], 5, start=10.0)]
    piece = heard_as(Window(0, 0.0, 30.0), ("early", 1.0))
    evidence = [Span(1.0, 1.3), *unite(speech_of(said), bridge=0.3)]
    (request,) = ask_for([piece], evidence, 30.0)[1]
    assert 8.0 < request.window.start < 8.8


def test_a_repair_of_short_sounds_alone_begins_at_the_first():
    piece = heard_as(Window(0, 0.0, 30.0), ("early", 1.0))
    evidence = [Span(1.0, 1.3), *(Span(10.0 + n, 10.25 + n) for n in range(8))]
    (request,) = ask_for([piece], evidence, 30.0)[1]
    assert 9.5 < request.window.start < 10.0


@pytest.mark.parametrize(
    ("rest", "start", "end"), [("mention", 10.32, 10.6), ("heard", 10.5, 10.62)]
)
def test_the_rest_of_a_word_that_a_repair_begins_with_is_not_said_again(rest, start, end):
    """Its window begins inside of the last word that was written."""
    behind = ("in", 10.7), ("passing", 11.1), ("that", 11.5), ("as", 11.9), ("they", 12.3)
    told = heard_as(Window(0, 0.0, 30.0), ("worth", 9.9), ("mentioning", 10.3), ("more", 13.0))
    evidence = [Span(9.9, 13.3)]
    merger, (request,) = ask_for([told], evidence, 30.0)
    found = heard_as(request.window, *behind, ("more", 13.0))
    cut = Word(f" {rest}", start, end, 0.9, (), request.window.index, 0)
    later = tuple(replace(word, index=word.index + 1) for word in found.words)
    merger.add(replace(found, words=(cut, *later)))
    names = [word for word, _ in behind]
    assert texts(merger.finish().words) == ["worth", "mentioning", *names, "more"]


# A hole that is asked for twice


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(0, 30), st.integers(8, 22))
def test_what_the_first_repair_heard_the_second_does_not_say_again(seed, first, size):
    """The first one hears some of the words in a long hole, the second one all of them."""
    said = speak([f"w{n}" for n in range(140)], seed)
    evidence, duration = unite(speech_of(said), bridge=0.3), duration_of(said)
    windows = plan_windows(evidence, duration, WindowOptions())
    hole = Span(said[40].start, said[69].end)
    heard_first = said[: 40 + first] + said[min(40 + first + size, 70) :]
    merger = Merger(windows, evidence=evidence, duration=duration)
    for window in windows:
        merger.add(write(window, said, [hole]))
    rest = [word for word in said if word not in heard_first]
    for told in (rest, said):
        for request in merger.requests():
            merger.add(hear(request.window, told))
    merged = merger.finish()
    heard = texts(merged.words)
    assert len(heard) == len(set(heard))
    assert heard == [text for text in texts(said) if text in heard]
