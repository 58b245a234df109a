from __future__ import annotations

from dataclasses import replace

import pytest

from chunking.merging.disagreements import SeamComparison
from chunking.merging.merger import merge
from chunking.merging.seam_cut import join_at_seam
from chunking.merging.seam_regions import lay_seam_regions
from chunking.merging.seam_repair import repair_seam
from chunking.options import MergeOptions
from chunking.types import Span, Window, Word
from tests.chunking.merging.test_merger import run_all
from tests.chunking.plant import Said, duration_of, hear, speech_of, texts

LEFT, RIGHT = Window(0, 0.0, 30.0), Window(1, 25.0, 55.0)
SEAM = Window(8, 12.0, 42.0, "seam")
(SEAM_REGION,) = lay_seam_regions([LEFT, RIGHT])
SAID = [Said(f"w{n}", 0.4 * n, 0.4 * n + 0.35) for n in range(137)]
SPEECH = tuple(speech_of(SAID))


def passed_over(piece, silence, *junk):
    """`piece` without its words in `silence`, but with `junk` at those times."""
    words = [w for w in piece.words if not silence.start <= w.start <= silence.end]
    words += [Word(f" {t}", at, at + 0.35, 0.1, (), piece.window.index, 0) for t, at in junk]
    words.sort(key=lambda word: word.start)
    return replace(piece, words=tuple(replace(w, index=n) for n, w in enumerate(words)))


def left_silent_from(start):
    """Silent from `start` on but for one invented word and one that the right window has."""
    return passed_over(hear(LEFT, SAID), Span(start, 30.0), ("the", 28.4), ("w72", 28.8))


def right_silent_until(end):
    return passed_over(hear(RIGHT, SAID), Span(25.0, end), ("w65", 26.0), ("the", 26.4))


def garbled(piece, start, end):
    words = (
        replace(w, text=f" other{w.index}") if start <= w.start < end else w for w in piece.words
    )
    return replace(piece, words=tuple(words))


def joined(left, right, heard, evidence=SPEECH, time=None):
    """What the seam's region says once `heard` is there; None if that does not settle it."""
    interval = SEAM_REGION.interval
    comparison = SeamComparison(
        tuple(w for w in left.words if w.start + 0.175 >= interval.start),
        tuple(w for w in right.words if w.start + 0.175 < interval.end),
        SEAM_REGION.overlap,
        27.5,
        evidence=evidence,
    )
    found = join_at_seam(comparison)
    assert found.needs_repair
    return repair_seam(
        comparison, SEAM_REGION, (left.words, right.words), time or found.time, heard.words
    )


JOINED = [word.text for word in SAID if 20.0 <= word.start + 0.175 < 35.0]


@pytest.mark.parametrize("beginning", [12.0, 20.1, 20.9])
def test_a_left_window_that_passed_over_the_seam(beginning):
    found = joined(left_silent_from(beginning), hear(RIGHT, SAID), hear(SEAM, SAID))
    assert found.status == "repaired"
    assert texts(found.words) == JOINED


@pytest.mark.parametrize("end", [43.0, 34.5, 34.1])
def test_a_right_window_that_passed_over_the_seam(end):
    found = joined(hear(LEFT, SAID), right_silent_until(end), hear(SEAM, SAID))
    assert found.status == "repaired"
    assert texts(found.words) == JOINED


def test_what_was_passed_over_comes_back_without_more_windows_than_two():
    """The seam's repair holds the region, a gap's what was passed over before it."""
    for left, right in (
        (left_silent_from(16.0), hear(RIGHT, SAID)),
        (hear(LEFT, SAID), right_silent_until(39.0)),
    ):
        merged, _, asked = run_all(
            [left, right],
            lambda window: hear(window, SAID),
            evidence=SPEECH,
            duration=duration_of(SAID),
        )
        assert texts(merged.words) == texts(SAID)
        assert sorted(request.reason for request in asked) == ["gap", "seam"]


def test_a_word_heard_later_than_the_planned_window_has_it_is_not_doubled():
    left = left_silent_from(20.7)  # its last word is "w51", at 20.4
    heard = hear(SEAM, SAID)
    late = tuple(
        replace(w, start=21.3, end=21.35) if w.text == " w51" else w
        for w in heard.words
        if w.text not in (" w52", " w53")
    )
    found = joined(left, hear(RIGHT, SAID), replace(heard, words=late))
    assert texts(found.words).count("w51") == 1


@pytest.mark.parametrize("time", [19.0, 36.0])
def test_a_dispute_beyond_the_joint_doubles_nothing(time):
    left, right = hear(LEFT, SAID), hear(RIGHT, SAID)
    if time < 20.0:
        left = garbled(left, 20.4, 35.0)
    else:
        right = garbled(right, 20.0, 34.5)
    found = joined(left, right, hear(SEAM, SAID), time=time)
    assert texts(found.words) == JOINED


def test_a_garbled_last_word_is_not_followed_by_what_was_said_there():
    left = passed_over(left_silent_from(12.0), Span(20.0, 20.1), ("odd", 20.0))
    found = joined(left, hear(RIGHT, SAID), hear(SEAM, SAID))
    assert texts(found.words) == ["odd", *JOINED[1:]]
    right = passed_over(right_silent_until(43.0), Span(34.8, 34.9), ("odd", 34.8))
    found = joined(hear(LEFT, SAID), right, hear(SEAM, SAID))
    assert texts(found.words) == [*JOINED[:-1], "odd"]


def test_words_that_nobody_else_hears_are_not_taken():
    left, right, heard = left_silent_from(12.0), hear(RIGHT, SAID), hear(SEAM, SAID)
    quiet = tuple(span for span in SPEECH if not 21.0 < span.start < 26.0)
    assert joined(left, right, heard, quiet) is None
    assert joined(left, right, heard, None) is None


def test_a_repair_that_says_nothing_there_settles_nothing():
    silent = passed_over(hear(SEAM, SAID), Span(12.0, 28.7))
    assert joined(left_silent_from(12.0), hear(RIGHT, SAID), silent) is None


def test_a_repair_that_agrees_with_neither_settles_nothing():
    wild = hear(SEAM, [replace(word, text=f"x{word.text}") for word in SAID])
    assert joined(left_silent_from(12.0), hear(RIGHT, SAID), wild) is None


def test_agreement_beyond_the_joint_bears_out_the_one_word_inside():
    """The right window garbled all of the region but its last word; behind it both hear the
    same."""
    found = joined(hear(LEFT, SAID), garbled(hear(RIGHT, SAID), 25.0, 34.7), hear(SEAM, SAID))
    assert texts(found.words) == JOINED


def test_one_word_inside_alone_may_be_chance():
    """As before, but what lies beyond the region is garbled too."""
    right = garbled(garbled(hear(RIGHT, SAID), 25.0, 34.7), 35.0, 55.0)
    assert joined(hear(LEFT, SAID), right, hear(SEAM, SAID)) is None


def test_no_second_detector_leaves_the_seam_uncertain():
    pieces = [left_silent_from(12.0), hear(RIGHT, SAID)]
    repairs = []
    options = MergeOptions()
    duration = duration_of(SAID)
    for _ in range(options.repair_rounds):
        merged = merge([*pieces, *repairs], options, duration=duration)
        repairs += [hear(request.window, SAID) for request in merged.requests]
    merged = merge([*pieces, *repairs], options, duration=duration)
    assert [seam.status for seam in merged.seams] == ["uncertain"]
