from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chunking.audit.coverage import (
    audit,
    drop_invented,
    find_doubtful,
    find_uncovered,
    is_supported,
)
from chunking.merging.merger import merge
from chunking.options import MergeOptions, WindowOptions
from chunking.spans import clip, unite
from chunking.types import Merged, Piece, Span, Window, Word
from chunking.windows import plan_windows
from tests.chunking.plant import chat, duration_of, hear, speech_of, texts

SAID = chat(400, 12)
DURATION = duration_of(SAID)
EVIDENCE = unite(speech_of(SAID), bridge=0.3)
WINDOWS = plan_windows(EVIDENCE, DURATION, WindowOptions())
CLEAN = [hear(window, SAID, jitter=0.1) for window in WINDOWS]


def report_on(words, pieces=CLEAN):
    merged = Merged(tuple(words), ())
    return audit(merged, {p.window.index: p for p in pieces}, EVIDENCE, DURATION)


def words_of(pieces):
    return merge(pieces, MergeOptions(repair_rounds=0), duration=DURATION).words


def word(text, start, end, index=0):
    return Word(f" {text}", start, end, 0.9, (), 0, index)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.2]))
def test_no_false_alarm_on_a_clean_run(seed, jitter):
    said = chat(150, seed)
    evidence, duration = unite(speech_of(said), bridge=0.3), duration_of(said)
    windows = plan_windows(evidence, duration, WindowOptions())
    pieces = [hear(window, said, jitter=jitter) for window in windows]
    merged = merge(pieces, MergeOptions(), evidence=evidence, duration=duration)
    report = audit(merged, {p.window.index: p for p in pieces}, evidence, duration)
    assert report.uncovered == report.doubtful == report.redecoded == report.truncated == ()
    assert report.uncovered_seconds == 0.0
    assert report.speech_seconds == pytest.approx(sum(s.duration for s in evidence))


@pytest.mark.parametrize("lost", range(len(WINDOWS) - 2))
def test_words_of_a_window_removed(lost):
    pieces = CLEAN[:]
    pieces[lost] = replace(pieces[lost], words=())
    report = report_on(words_of(pieces), pieces)
    window = pieces[lost].window
    assert report.uncovered_seconds > 10.0
    for span in report.uncovered:
        assert window.start - 1 < span.start < span.end < window.end + 1


@pytest.mark.parametrize("index", [0, 2])
def test_words_of_a_window_doubled_behind_themselves(index):
    words = list(words_of(CLEAN))
    own = [w for w in words if w.window == index]
    place = words.index(own[-1]) + 1
    report = report_on(words[:place] + own + words[place:])
    assert sum(s.duration for s in report.doubtful) > 10.0
    assert all(own[0].start - 1 < s.start and s.end < own[-1].end + 1 for s in report.doubtful)


@pytest.mark.parametrize("index", [0, 2])
def test_words_of_a_window_each_doubled(index):
    words = [w for w in words_of(CLEAN) for _ in range(2 if w.window == index else 1)]
    assert sum(s.duration for s in report_on(words).doubtful) > 10.0


@pytest.mark.parametrize("index", range(len(WINDOWS)))
def test_words_of_a_piece_doubled_before_the_merge(index):
    pieces = CLEAN[:]
    again = tuple(replace(w, index=w.index + 1000) for w in pieces[index].words)
    pieces[index] = replace(pieces[index], words=pieces[index].words + again)
    words = words_of(pieces)
    assert texts(words) == texts(SAID) or report_on(words, pieces).doubtful != ()


def test_an_invented_tail():
    words = list(words_of(CLEAN))
    tail = [word(t, DURATION + 2 + n, DURATION + 2.5 + n) for n, t in enumerate(["thank", "you"])]
    (doubtful,) = report_on(words + tail).doubtful[:1]
    assert doubtful.start == DURATION + 2


def test_an_invented_sentence_in_a_pause():
    said = [w for w in SAID if not 60.0 < w.start < 75.0]
    evidence = unite(speech_of(said), bridge=0.3)
    invented = tuple(word(f"i{n}", 64.0 + n / 2, 64.4 + n / 2, n) for n in range(8))
    words = [w for w in words_of(CLEAN) if w.end < 60.0] + list(invented)
    doubtful = find_doubtful(words, evidence)
    assert doubtful[0].start == 64.0
    assert doubtful[-1].end == pytest.approx(67.9)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_a_sentence_dropped_inside_a_window(seed):
    dice = random.Random(seed)
    words = list(words_of(CLEAN))
    first = dice.randrange(len(words) - 20)
    dropped = words[first : first + 12]
    report = report_on(words[:first] + words[first + 12 :])
    assert len(report.uncovered) >= 1
    for span in report.uncovered:
        assert dropped[0].start - 0.5 < span.start < span.end < dropped[-1].end + 0.5


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_a_sentence_dropped_under_a_stretched_word(seed):
    dice = random.Random(seed)
    words = list(words_of(CLEAN))
    first = 1 + dice.randrange(len(words) - 30)
    words[first - 1] = replace(words[first - 1], end=words[first + 20].start)
    report = report_on(words[:first] + words[first + 20 :])
    assert report.uncovered_seconds > 1.5
    assert report.doubtful == ()


@settings(max_examples=25)
@given(st.integers(0, 10_000))
@example(2686)
def test_words_spread_over_a_hole_between_timestamps(seed):
    """Every word lasts as long as it may; timestamps tell where the sentence is missing."""
    dice = random.Random(seed)
    piece = CLEAN[dice.randrange(len(CLEAN))]
    first = 8 + dice.randrange(max(len(piece.words) - 40, 1))
    kept, hole = piece.words[:first], piece.words[first : first + 20]
    start, step = kept[-6].start, (hole[-1].end - kept[-6].start) / 6
    smeared = tuple(
        replace(w, text=" plausible", start=start + n * step, end=start + (n + 1) * step)
        for n, w in enumerate(kept[-6:])
    )
    texts_between = (
        Span(piece.window.start, kept[-1].end),
        Span(hole[-1].end, piece.window.end),
    )
    words = (*kept[:-6], *smeared, *piece.words[first + 20 :])
    told = replace(piece, words=words, timed_text=texts_between)
    number, merged = piece.window.index, Merged(words, ())
    inside = clip(EVIDENCE, Span(words[0].start, words[-1].end))
    slow = replace(told, words=smeared)  # too few words to know the pace by
    with_times = audit(merged, {number: slow}, inside, DURATION)
    without = audit(merged, {number: replace(slow, timed_text=())}, inside, DURATION)
    with_pace = audit(merged, {number: replace(told, timed_text=())}, inside, DURATION)
    assert without.uncovered == ()
    assert with_times.uncovered_seconds > 1.5
    for span in with_times.uncovered:
        assert kept[-1].end < span.start < span.end < hole[-1].end
    reach = max(hole[-1].end, piece.words[first + 20].start)  # a pause may lie before that word
    for span in with_pace.uncovered:
        assert smeared[0].start - 0.1 < span.start < span.end <= reach


def test_a_word_stretched_over_silence_covers_its_speech_wherever_it_is():
    evidence = (Span(14.0, 14.5),)
    assert find_uncovered([word("hello", 10.0, 14.6)], evidence) == ()


def test_speech_that_the_skipping_detector_missed():
    missed = Span(DURATION + 10, DURATION + 14)
    found = find_uncovered(words_of(CLEAN), (*EVIDENCE, missed))
    assert found == (missed,)


def test_short_pauses_do_not_hide_a_dropped_sentence():
    evidence = tuple(Span(n, n + 0.6) for n in range(5))
    assert find_uncovered((), evidence) == (Span(0.0, 4.6),)


def test_speech_on_both_sides_of_a_word_is_not_one_stretch():
    evidence = (Span(0.0, 1.2), Span(1.8, 3.0))
    assert find_uncovered([word("a", 1.3, 1.7)], evidence) == ()


def test_words_far_from_evidence_are_not_supported():
    assert is_supported(word("a", 1.0, 1.2), (Span(1.3, 2.0),))
    assert not is_supported(word("a", 1.0, 1.2), (Span(1.6, 2.0),))
    assert find_doubtful([word("a", 1.0, 1.2)], ()) == (Span(1.0, 1.2),)


def test_a_word_without_any_time_may_lie_beside_its_place():
    """The first word of a recording is sometimes put before its sound, and given none."""
    speech = (Span(0.5, 1.2),)
    assert is_supported(word("The", 0.0, 0.0), speech)
    assert not is_supported(word("The", 0.0, 0.0), (Span(1.0, 4.0),))


def test_fast_but_human_speech_is_not_crowded():
    words = [word(f"w{n}", n * 0.12, n * 0.12 + 0.12, n) for n in range(40)]
    assert find_doubtful(words, (Span(0.0, 10.0),)) == ()


def test_redecoded_windows_and_why():
    pieces = {
        0: Piece(Window(0, 0, 30), (), attempts=("repetitive", "accepted")),
        1: Piece(Window(1, 25, 55), ()),
        9: Piece(Window(9, 12, 42, "seam"), ()),
        8: Piece(Window(8, 25, 40, "split"), ()),
    }
    kept = [
        Word(" a", 1.0, 1.2, 0.9, (), 0, 0),
        *(Word(" b", 26, 27, 0.9, (), 9, n) for n in (3, 4)),
    ]
    report = audit(Merged(tuple(kept), ()), pieces, (), 55.0)
    assert [(r.window, r.reason, r.words) for r in report.redecoded] == [
        (0, "repetitive", 1),
        (9, "seam", 2),
        (8, "truncated", 0),
    ]


def test_invented_words_are_dropped_only_far_from_all_speech():
    near, far = word("near", 10.3, 10.6, 0), word("far", 11.2, 11.5, 1)
    piece = Piece(Window(0, 0, 30), (near, far))
    assert drop_invented(piece, (Span(9.0, 10.0),)).words == (near,)
    assert drop_invented(piece, (Span(9.0, 10.0), Span(11.9, 13.0))) is piece
    assert drop_invented(piece, ()).words == ()


def test_empty_recording():
    report = audit(Merged((), ()), {}, (), 0.0)
    assert report.speech_seconds == report.uncovered_seconds == 0.0
