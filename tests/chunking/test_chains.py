"""Windows that begin where the one before stopped writing."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chunking.merging.merger import Merger
from chunking.options import MergeOptions, WindowOptions
from chunking.plan import ChainPlan, GridPlan, plan_for
from chunking.spans import subtract, total, unite
from chunking.types import Piece, Span, Window
from tests.chunking.plant import Said, chat, duration_of, hear, speak, speech_of, texts

ONE_CHAIN = WindowOptions(plan="chains", chain=None)
EPSILON = 1e-6


def write(window, said, early=0.0):
    """What a recogniser hears that leaves out `early` seconds where speech goes on at the end."""
    piece = hear(window, said, jitter=0.05)
    is_cut = any(word.start < window.end < word.end for word in said)
    return stop_writing(piece, window.end - early if is_cut else window.end)


def stop_writing(piece, at):
    words = tuple(word for word in piece.words if word.end <= at)
    timed = (Span(words[0].start, words[-1].end),) if words else ()
    return replace(piece, words=words, timed_text=timed)


def early_of(seed, most):
    """How much before its end each window stops, whenever it is asked."""
    return lambda window: random.Random(f"{seed} {window.start:.3f}").uniform(0.0, most)


def follow(plan, write_window, *, order=None):
    """Decode what is ready until nothing is; pieces in the order in which they were heard."""
    ready, pieces = list(plan.take_ready()), []
    while ready:
        piece = write_window(ready.pop(order(len(ready)) if order else 0))
        plan.hear(piece)
        pieces.append(piece)
        ready += plan.take_ready()
    return pieces


def plan_of(said, options, **kw):
    return plan_for(speech_of(said), duration_of(said), options, **kw)


@st.composite
def chain_options(draw):
    window = draw(st.sampled_from([12.0, 20.0, 30.0]))
    overlap = draw(st.just(0.0) | st.floats(2.0, window / 2))
    phase = draw(st.sampled_from([0.0, (window - overlap) * 0.7]))
    chain = draw(st.sampled_from([30.0, 60.0, 100.0, None]))
    back_off = draw(st.floats(1.0, window / 4))
    return WindowOptions(window, overlap, phase, "chains", chain, back_off)


def test_a_window_of_a_chain_is_left_to_stop_writing_where_it_likes():
    said = chat(100, 3)
    (first,) = plan_of(said, ONE_CHAIN, agreed=speech_of(said)).take_ready()
    assert first.spoken_until is None
    assert first.spoken_seconds > 20.0


@settings(max_examples=60)
@given(chain_options(), st.integers(0, 10_000), st.floats(0.0, 4.0), st.booleans())
def test_what_was_said_comes_back_once(options, seed, early, skip_silence):
    said = chat(350, seed)
    plan = plan_of(said, options, skip_silence=skip_silence)
    stop = early_of(seed, min(early, options.window / 4, options.overlap - 1.0))
    pieces = follow(plan, lambda window: write(window, said, stop(window)))
    assert plan.is_whole
    evidence, duration = speech_of(said), duration_of(said)
    merger = Merger(plan.windows, MergeOptions(), evidence=evidence, duration=duration)
    for piece in pieces:
        merger.add(piece)
    while requests := merger.requests():
        for request in requests:
            merger.add(hear(request.window, said))
    assert texts(merger.finish().words) == texts(said)


@settings(max_examples=60)
@given(chain_options(), st.integers(0, 10_000), st.floats(0.0, 14.0))
def test_windows_are_in_order_and_cover_speech(options, seed, early):
    said = chat(20 + seed % 180, seed)
    late = said[-1].end + seed % 13
    said += speak([f"v{n}" for n in range(20 + seed % 130)], seed, start=late)
    plan = plan_of(said, options)
    stop = early_of(seed, early)
    follow(plan, lambda window: write(window, said, stop(window)))
    assert plan.is_whole
    assert plan.take_ready() == []
    for left, right in pairwise(plan.windows):
        assert left.start < right.start
        assert left.end <= right.end
        assert left.index < right.index
    assert all(window.end - window.start <= options.window + EPSILON for window in plan.windows)
    assert not subtract(unite(speech_of(said)), unite(window.span for window in plan.windows))
    assert plan.seconds_heard <= duration_of(said) + EPSILON


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_the_order_in_which_chains_are_heard_leaves_no_trace(seed):
    said = chat(600, seed)
    options = WindowOptions(plan="chains", chain=60.0)
    stop = early_of(seed, 6.0)
    plans, answers = [], []
    for order in (None, random.Random(seed).randrange):
        plan = plan_of(said, options)
        evidence, duration = speech_of(said), duration_of(said)
        merger = Merger(evidence=evidence, duration=duration, is_whole=False)
        words = []
        ready = list(plan.take_ready())
        while ready:
            window = ready.pop(order(len(ready)) if order else 0)
            piece = write(window, said, stop(window))
            plan.hear(piece)
            merger.extend(plan.windows, is_whole=plan.is_whole)
            words += merger.add(piece)
            ready += plan.take_ready()
        requests = merger.requests()
        merged = merger.finish()
        assert tuple(words) == merged.words[: len(words)]
        plans.append(plan.windows)
        answers.append((merged, requests))
    assert plans[0] == plans[1]
    assert answers[0] == answers[1]
    whole = Merger(plans[0], evidence=evidence, duration=duration)
    for window in plans[0]:
        whole.add(write(window, said, stop(window)))
    assert whole.requests() == answers[0][1]
    assert whole.finish() == answers[0][0]


def test_a_window_begins_before_where_the_last_one_stopped():
    said = chat(400, 1)
    plan = plan_of(said, ONE_CHAIN)
    (first,) = plan.take_ready()
    piece = write(first, said, 5.0)
    plan.hear(piece)
    (second,) = plan.take_ready()
    assert second.start == pytest.approx(piece.timed_text[-1].end - ONE_CHAIN.back_off)
    assert plan.windows == [first, second]
    assert not plan.is_whole


def test_words_are_let_go_before_the_plan_is_whole():
    said = chat(400, 1)
    plan = plan_of(said, ONE_CHAIN)
    merger = Merger(evidence=speech_of(said), duration=duration_of(said), is_whole=False)
    (first,) = plan.take_ready()
    plan.hear(piece := write(first, said))
    merger.extend(plan.windows, is_whole=plan.is_whole)
    assert len(merger.add(piece)) > 40
    with pytest.raises(ValueError, match="not whole"):
        merger.finish()


def test_a_window_that_stopped_at_once_moves_the_next_by_half_of_it():
    """So that two steps always lead beyond it; what nobody wrote is asked for as a gap."""
    said = chat(400, 1)
    plan = plan_of(said, ONE_CHAIN)
    (first,) = plan.take_ready()
    plan.hear(stop_writing(hear(first, said), 3.0))
    (second,) = plan.take_ready()
    assert second.start == first.start + 15.0


def test_a_window_without_text_is_not_heard_again():
    said = chat(400, 1)
    plan = plan_of(said, ONE_CHAIN)
    (first,) = plan.take_ready()
    plan.hear(Piece(first, ()))
    (second,) = plan.take_ready()
    assert first.end - ONE_CHAIN.back_off <= second.start < first.end


def test_speech_that_a_window_left_before_a_silence_is_heard_by_another():
    said = [*speak([f"w{n}" for n in range(60)], 3), Said("after", 60.0, 60.4)]
    for early, expected in ((8.0, 3), (0.0, 2)):
        plan = plan_of(said, ONE_CHAIN)
        (first,) = plan.take_ready()
        plan.hear(stop_writing(hear(first, said), first.end - early))
        follow(plan, lambda window: write(window, said))
        assert len(plan.windows) == expected


@pytest.mark.parametrize(("chain", "count"), [(None, 1), (300.0, 1), (100.0, 2), (70.0, 3)])
def test_the_number_of_chains_follows_from_length_and_setting(chain, count):
    said = chat(480, 5)
    assert 210.0 < duration_of(said) < 220.0
    plan = plan_of(said, WindowOptions(plan="chains", chain=chain))
    assert len(plan.take_ready()) == count


def test_chains_meet_in_a_long_pause():
    said = speak([f"w{n}" for n in range(180)], 3)
    late = said[-1].end + 1.5
    said += speak([f"v{n}" for n in range(180)], 4, start=late)
    plan = plan_of(said, WindowOptions(plan="chains", chain=80.0))
    second = plan.take_ready()[1]
    assert late - 1.5 < second.start < late


def test_long_chains_need_fewer_windows_than_short_ones():
    said = chat(2000, 5)
    counts = []
    for chain in (None, 120.0, 30.0):
        plan = plan_of(said, WindowOptions(plan="chains", chain=chain))
        follow(plan, lambda window: write(window, said, 3.0))
        counts.append(len(plan.windows))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_phase_moves_all_windows():
    said = chat(400, 1)
    starts = []
    for phase in (0.0, 12.5):
        plan = plan_of(said, replace(ONE_CHAIN, phase=phase))
        follow(plan, lambda window: write(window, said))
        starts.append([window.start for window in plan.windows])
    assert starts[0][0] == starts[1][0]
    assert starts[0][1] - starts[1][1] == pytest.approx(12.5, abs=1.0)


@pytest.mark.parametrize("overlap", [0.0, 1e-12, 0.01])
def test_chains_that_share_nothing_come_to_their_end(overlap):
    """Continuous speech over several chains: nothing lies in each other where they meet."""
    said = speak([f"w{number}" for number in range(1600)])
    options = WindowOptions(overlap=overlap, plan="chains")
    plan = plan_of(said, options)
    pieces = follow(plan, lambda window: hear(window, said))
    assert plan.is_whole
    spans = [piece.window.span for piece in pieces]
    assert len(set(spans)) == len(spans) < 2 * duration_of(said) / 30
    assert not subtract([Span(said[0].start, said[-1].end)], unite(spans))


def test_nothing_said_nothing_planned():
    for speech, duration in (((), 60.0), ((), 0.0)):
        plan = plan_for(speech, duration, ONE_CHAIN)
        assert plan.is_whole
        assert list(plan.take_ready()) == list(plan.windows) == []


def test_a_short_recording_is_one_window():
    plan = plan_for((Span(2.0, 9.0),), 12.0, ONE_CHAIN)
    assert plan.take_ready() == [Window(0, 0.0, 12.0)]


def test_without_skipping_all_of_a_recording_is_heard():
    plan = plan_for((Span(2.0, 9.0),), 100.0, ONE_CHAIN, skip_silence=False)
    follow(plan, lambda window: Piece(window, ()))
    assert total(unite(window.span for window in plan.windows)) == 100.0


def test_a_chain_hears_its_windows_one_after_the_other():
    said = chat(400, 1)
    plan = plan_of(said, ONE_CHAIN)
    assert isinstance(plan, ChainPlan)
    (first,) = plan.take_ready()
    plan.hear(write(first, said))
    with pytest.raises(ValueError, match="not the next window"):
        plan.hear(write(first, said))


def test_a_grid_is_known_at_once():
    said = chat(400, 1)
    plan = plan_of(said, WindowOptions())
    assert isinstance(plan, GridPlan)
    assert plan.is_whole
    assert [*plan.take_ready()] == [*plan.windows]
    assert not plan.take_ready()
