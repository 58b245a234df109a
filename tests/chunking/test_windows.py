from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunking.options import WindowOptions
from chunking.plan import empty_plan
from chunking.spans import clip, subtract, unite
from chunking.types import Span, Window
from chunking.windows import EDGE_SLACK, MARGIN, SHORTEST_SKIP, plan_windows

EVERYWHERE = (Span(0.0, 1e5),)
EPSILON = 1e-6


@st.composite
def recordings(draw):
    """(speech, duration): turns and pauses of any length."""
    clock, speech = draw(st.floats(0, 60)), []
    for _ in range(draw(st.integers(0, 12))):
        length = draw(st.floats(0.1, 90))
        speech.append(Span(clock, clock + length))
        clock += length + draw(st.floats(0.2, 40))
    return speech, clock + draw(st.floats(0, 30))


@st.composite
def window_options(draw):
    window = draw(st.sampled_from([8.0, 15.0, 20.0, 30.0]))
    overlap = draw(st.floats(0, window / 2))
    phase = draw(st.floats(0, 1)) * (window - overlap) * 0.9
    return WindowOptions(window, overlap, draw(st.sampled_from([0.0, phase])))


def test_empty_recording():
    assert plan_windows((), 0.0, WindowOptions()) == ()


def test_nobody_speaks():
    assert plan_windows((), 600.0, WindowOptions()) == ()


def test_nobody_speaks_and_silence_is_kept():
    windows = plan_windows((), 60.0, WindowOptions(), skip_silence=False)
    assert windows[0].start == 0.0
    assert windows[-1].end == 60.0


def test_short_recording_is_one_window():
    assert plan_windows((Span(2, 9),), 12.0, WindowOptions()) == (Window(0, 0.0, 12.0),)


def test_grid_of_speech_without_pauses():
    windows = plan_windows(EVERYWHERE, 80.0, WindowOptions(overlap=5.0))
    assert [(w.start, w.end) for w in windows] == [(0, 30), (25, 55), (50, 80)]


@pytest.mark.parametrize(("duration", "start"), [(90.0, 70.0), (81.0, 61.0), (99.0, 75.0)])
def test_a_short_last_window_begins_earlier_but_is_never_full(duration, start):
    """Whisper takes a sentence for cut off that ends where a full window does."""
    windows = plan_windows(EVERYWHERE, duration, WindowOptions(overlap=5.0))
    spans = [(w.start, w.end) for w in windows]
    assert spans == [(0, 30), (25, 55), (50, 80), (start, duration)]


def test_last_window_does_not_meet_the_one_before_the_previous():
    windows = plan_windows(EVERYWHERE, 46.0, WindowOptions(overlap=10.0))
    assert [(w.start, w.end) for w in windows] == [(0, 30), (20, 46)]
    windows = plan_windows(EVERYWHERE, 38.0, WindowOptions(20.0, 8.0))
    assert [(w.start, w.end) for w in windows] == [(0, 20), (12, 32), (24, 38)]
    windows = plan_windows(EVERYWHERE, 33.0, WindowOptions(20.0, 8.0))
    assert [(w.start, w.end) for w in windows] == [(0, 20), (12, 32), (20, 33)]


def test_a_window_is_told_how_long_and_until_when_somebody_speaks_in_it():
    """By all detectors: one alone may have been told to pad what it hears."""
    speech, agreed = (Span(0, 22), Span(38, 71)), (Span(2, 8), Span(10, 20), Span(40, 69))
    windows = plan_windows(speech, 80.0, WindowOptions(overlap=5.0), agreed=agreed)
    told = [(w.start, w.end, w.spoken_until, w.spoken_seconds) for w in windows]
    assert told == [(0, 22.5, 20, 16), (37.5, 67.5, 67.5, 27.5), (51.5, 71.5, 69, 17.5)]
    (silent,) = plan_windows((), 20.0, WindowOptions(), skip_silence=False, agreed=())
    assert (silent.spoken_until, silent.spoken_seconds) == (None, 0.0)
    (untold,) = plan_windows((Span(2, 9),), 12.0, WindowOptions())
    assert (untold.spoken_until, untold.spoken_seconds) == (None, None)


@pytest.mark.parametrize(
    ("speech", "until"), [((Span(0, 2), Span(12, 15)), None), ((Span(6, 15),), 15)]
)
def test_where_little_is_spoken_nobody_is_made_to_write_to_the_end(speech, until):
    (window,) = plan_windows(speech, 20.0, WindowOptions(), agreed=speech)
    assert window.spoken_until == until
    assert window.spoken_seconds > 4.0


def test_long_silence_is_skipped():
    speech = (Span(1, 20), Span(600, 640))
    windows = plan_windows(speech, 700.0, WindowOptions())
    assert [(w.start, w.end) for w in windows] == [
        (0.5, 20.5),
        (599.5, 629.5),
        (620.5, 640.5),
    ]


def test_short_turns_share_a_window():
    speech = tuple(Span(10 * k, 10 * k + 2) for k in range(6))
    windows = plan_windows(speech, 60.0, WindowOptions())
    assert len(windows) == 2


def test_speech_that_begins_inside_the_overlap_is_left_to_the_next_window():
    speech = (Span(0, 20), Span(27, 50))
    windows = plan_windows(speech, 50.0, WindowOptions(overlap=5.0))
    assert [(w.start, w.end) for w in windows] == [(0, 20.5), (26.5, 50.0)]


def test_edge_moves_into_a_pause():
    speech = (Span(0, 29.3), Span(29.7, 80))
    windows = plan_windows(speech, 80.0, WindowOptions())
    assert windows[0].end == pytest.approx(29.5)


def test_phase_moves_every_seam():
    windows = plan_windows(EVERYWHERE, 100.0, WindowOptions(overlap=5.0, phase=12.5))
    assert [(w.start, w.end) for w in windows][:3] == [(0, 17.5), (12.5, 42.5), (37.5, 67.5)]


def test_phase_that_leaves_little_more_than_the_overlap():
    """A pause at the edge must not draw the next window's start before the recording."""
    options = WindowOptions(window=8.0, overlap=1.0, phase=6.3)
    first, second = plan_windows((Span(1.0, 2.0),), 3.0, options, skip_silence=False)
    assert first.start == second.start == 0.0  # the last one is short and begins earlier
    assert first.end - second.start >= options.overlap
    assert second.end == 3.0


def test_phase_that_leaves_no_window_is_refused():
    with pytest.raises(ValueError, match="phase"):
        WindowOptions(phase=27.0)


@given(recordings(), window_options(), st.booleans())
def test_plan_covers_all_speech(recording, options, skip_silence):
    speech, duration = recording
    windows = plan_windows(speech, duration, options, skip_silence=skip_silence)
    heard = clip(unite(speech), Span(0.0, duration)) if skip_silence else (Span(0.0, duration),)
    left = subtract(heard, unite(w.span for w in windows))
    assert sum(span.duration for span in left) < EPSILON


@given(recordings(), window_options(), st.booleans())
def test_plan_keeps_its_promises(recording, options, skip_silence):
    speech, duration = recording
    windows = plan_windows(speech, duration, options, skip_silence=skip_silence)
    assert [w.index for w in windows] == list(range(len(windows)))
    for window in windows:
        assert 0.0 <= window.start < window.end <= duration
        assert window.end - window.start <= options.window + EPSILON
    for left, right in pairwise(windows):
        assert left.start <= right.start
        assert left.end < right.end
        shared = left.end - right.start
        assert shared >= options.overlap - EPSILON or shared <= 0
    for first, third in zip(windows, windows[2:], strict=False):
        assert third.start >= first.end - EPSILON


@given(recordings(), window_options())
def test_only_long_silence_is_skipped(recording, options):
    speech, duration = recording
    windows = plan_windows(speech, duration, options)
    for left, right in pairwise(windows):
        if right.start > left.end:
            assert right.start - left.end > SHORTEST_SKIP - EPSILON
            quiet = Span(left.end - MARGIN + EPSILON, right.start + MARGIN - EPSILON)
            assert not clip(unite(speech), quiet)


@given(st.floats(31, 3600), window_options())
def test_no_more_windows_than_the_grid_needs(duration, options):
    windows = plan_windows(EVERYWHERE, duration, options)
    step = options.window - options.overlap
    assert len(windows) <= (duration + options.phase - options.overlap) / step + 1 + EPSILON
    assert step > EDGE_SLACK


@given(recordings(), window_options(), st.booleans(), st.integers(1, 4))
def test_a_grid_of_what_was_read_so_far_begins_that_of_the_whole(
    recording, options, skip_silence, stretches
):
    """What was read so far ends in the middle of a span of speech, or before one."""
    speech, duration = recording
    plan = empty_plan(options, skip_silence=skip_silence)
    for step in range(1, stretches + 1):
        seconds = duration * step / (stretches + 1)
        plan.extend(clip(unite(speech), Span(0.0, seconds)), seconds, is_whole=False)
        assert all(window.end < seconds for window in plan.windows)
    plan.extend(speech, duration, is_whole=True)
    whole = plan_windows(speech, duration, options, skip_silence=skip_silence)
    assert tuple(plan.windows) == whole
