from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chunking.audit.coverage import audit
from chunking.merging.merger import Merger
from chunking.options import MergeOptions, WindowOptions
from chunking.spans import clip, unite
from chunking.types import Span
from chunking.windows import plan_windows
from tests.chunking.plant import Said, duration_of, hear, speech_of, texts

PER_LETTER = 0.07
LOST = 4
LONG = (1.65, 2.3)
"""Seconds. Words that last so long are heard again: it is more than `SHORTEST_UNCOVERED`."""
FEW = 3
SHORT = (1.0, 1.4)
"""Words that last no longer are only named: official models bring nothing for them."""


def talk(count, seed):
    """Sentences of different words, each word as long as its letters, pauses between them."""
    dice = random.Random(seed)
    said, clock = [], 0.4
    for number in range(count):
        text = "".join(dice.choices("abcdefghij", k=dice.randint(3, 7))) + "kl"
        end = clock + PER_LETTER * len(text)
        said.append(Said(text, clock, end))
        clock = end + (0.6 if number % 9 == 8 else 0.0)
    return said


def lose(piece, first, lost, *, under):
    """`piece` without `lost` words; the word before or after them has their sound."""
    words = list(piece.words)
    if under == "before":
        words[first - 1] = replace(words[first - 1], end=words[first + lost].start)
    else:
        after = words[first + lost]
        words[first + lost] = replace(after, start=words[first].start)
    return replace(piece, words=(*words[:first], *words[first + lost :]))


def run(pieces, said, *, rounds=2):
    evidence, duration = unite(speech_of(said), bridge=0.3), duration_of(said)
    options = MergeOptions(repair_rounds=rounds)
    merger = Merger([p.window for p in pieces], options, evidence=evidence, duration=duration)
    for piece in pieces:
        merger.add(piece)
    asked = []
    while requests := merger.requests():
        asked += requests
        for request in requests:
            merger.add(hear(request.window, said, jitter=0.02))
    merged = merger.finish()
    return merged, audit(merged, merger.pieces, evidence, duration), asked


def planted(seed, under, lost=LOST, lasting=LONG):
    """Pieces of a talk, one of which lost words far from its edges; where they lie.

    The `lost` words last so many seconds, at least and at most.
    """
    said = talk(200, seed)
    windows = plan_windows(speech_of(said), duration_of(said), WindowOptions())
    pieces = [hear(window, said, jitter=0.02) for window in windows]
    whole = pieces[1]
    inside = [
        n
        for n, word in enumerate(whole.words)
        if whole.window.start + 8 < word.start < whole.window.end - 10
        and lasting[0] <= sum(w.end - w.start for w in whole.words[n : n + lost]) <= lasting[1]
    ]
    first = random.Random(seed).choice(inside)
    pieces[1] = lose(whole, first, lost, under=under)
    return said, pieces, Span(whole.words[first].start, whole.words[first + lost].start)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["before", "after"]))
@example(6741, "before")  # the middle of the stretched word is just near enough to be its own
def test_words_under_a_stretched_word_come_back(seed, under):
    said, pieces, _ = planted(seed, under)
    merged, report, asked = run(pieces, said)
    assert len(asked) == 1
    assert asked[0].reason in ("hidden", "gap")  # a word beyond all measure leaves a gap
    assert texts(merged.words) == texts(said)
    assert report.uncovered == report.doubtful == ()


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from(["before", "after"]), st.integers(5, 7))
@example(9325, "after", 5)  # the stretched word is the last one that its window has alone
def test_so_many_words_that_they_leave_a_gap_come_back(seed, under, lost):
    """In their place: the word that hid them may be the last of a stretch, and waits for them."""
    said, pieces, _ = planted(seed, under, lost, (1.65, 5.0))
    merged, report, asked = run(pieces, said)
    assert len(asked) == 1
    assert texts(merged.words) == texts(said)
    assert report.uncovered == report.doubtful == ()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["before", "after"]))
def test_without_repairs_the_report_names_them(seed, under):
    said, pieces, lost = planted(seed, under)
    merged, report, asked = run(pieces, said, rounds=0)
    assert asked == []
    assert len(merged.words) == len(said) - LOST
    assert len(report.uncovered) == 1
    assert report.uncovered[0].start < lost.end
    assert report.uncovered[0].end > lost.start


@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5, 6, 7, 8])  # talks with so few short words
@pytest.mark.parametrize("under", ["before", "after"])
def test_few_words_are_named_but_not_heard_again(seed, under):
    """A second hearing of so little brought nothing on recordings of people, and costs a window."""
    said, pieces, lost = planted(seed, under, FEW, SHORT)
    merged, report, asked = run(pieces, said)
    assert asked == []
    assert len(merged.words) == len(said) - FEW
    assert len(report.uncovered) == 1
    assert clip(report.uncovered, lost) != ()


@pytest.mark.parametrize("seed", range(5))
def test_a_hearing_with_no_more_words_changes_nothing(seed):
    said, pieces, lost = planted(seed, "before")
    deaf = [word for word in said if not lost.start - 0.1 < word.start < lost.end - 0.1]
    evidence, duration = unite(speech_of(said), bridge=0.3), duration_of(said)
    windows = [piece.window for piece in pieces]
    merger = Merger(windows, MergeOptions(), evidence=evidence, duration=duration)
    for piece in pieces:
        merger.add(piece)
    (request,) = merger.requests()
    merger.add(hear(request.window, deaf))
    assert merger.requests() == ()  # the same words again: a third hearing would not help
    merged = merger.finish()
    assert texts(merged.words) == texts(deaf)
    assert audit(merged, merger.pieces, evidence, duration).uncovered != ()


@pytest.mark.parametrize("useless", [{"attempts": ("repetitive",)}, {"words": ()}])
def test_a_hearing_that_tells_nothing_is_followed_by_another(useless):
    said, pieces, _ = planted(0, "before")
    evidence, duration = unite(speech_of(said), bridge=0.3), duration_of(said)
    merger = Merger([piece.window for piece in pieces], evidence=evidence, duration=duration)
    for piece in pieces:
        merger.add(piece)
    (first,) = merger.requests()
    merger.add(replace(hear(first.window, said), **useless))
    (second,) = merger.requests()
    assert second.window.start != first.window.start
    merger.add(hear(second.window, said))
    assert texts(merger.finish().words) == texts(said)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_asked_for_where_nothing_is_lost(seed):
    said = talk(200, seed)
    windows = plan_windows(speech_of(said), duration_of(said), WindowOptions())
    merged, report, asked = run([hear(w, said, jitter=0.05) for w in windows], said)
    assert asked == []
    assert texts(merged.words) == texts(said)
    assert report.uncovered == ()


def test_the_window_for_a_gap_begins_where_speech_does():
    """Before it the recording is silent for longer than a model likes to hear silence."""
    said = [replace(w, start=w.start + 5, end=w.end + 5) for w in talk(30, 1)]
    window = plan_windows(speech_of(said), duration_of(said), WindowOptions(), skip_silence=False)
    pieces = [hear(w, said) for w in window]
    pieces[0] = replace(pieces[0], words=pieces[0].words[9:])
    merged, _, asked = run(pieces, said)
    assert said[0].start - 0.5 < asked[0].window.start < said[0].start
    assert texts(merged.words) == texts(said)
