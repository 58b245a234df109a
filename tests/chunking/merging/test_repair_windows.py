"""Where windows lie that are decoded again."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chunking.merging.repair_windows import (
    ALIKE,
    HEARD_BEHIND,
    LEAD_IN,
    LONGEST_GAP,
    LONGEST_WINDOW,
    SECOND_LEAD_IN,
    gap_request,
    hidden_request,
)
from chunking.types import Span

RECORDING = Span(0.0, 100.0)
requests = pytest.mark.parametrize("request_of", [gap_request, hidden_request])


@requests
def test_first_from_where_speech_begins_then_from_some_words_before(request_of):
    gap = Span(40.0, 44.0)
    first, second = (request_of(gap, 40.5, attempt, RECORDING, 7).window for attempt in (0, 1))
    assert (first.start, first.end) == (40.5 - LEAD_IN, 44.0 + HEARD_BEHIND)
    assert (second.start, second.end) == (40.5 - SECOND_LEAD_IN, 44.0 + HEARD_BEHIND)


@requests
def test_where_the_recording_begins_the_second_ends_later(request_of):
    first, second = (
        request_of(Span(0.0, 4.0), 0.2, attempt, RECORDING, 7).window for attempt in (0, 1)
    )
    assert (first.start, first.end) == (0.0, 4.0 + HEARD_BEHIND)
    assert (second.start, second.end) == (0.0, LONGEST_WINDOW)


def test_where_the_recording_is_short_there_is_no_second():
    assert gap_request(Span(0.0, 4.0), 0.2, 1, Span(0.0, 7.5), 7) is None


@given(st.floats(0.0, 90.0), st.floats(0.1, LONGEST_GAP), st.floats(-2.0, 2.0), st.integers(0, 1))
def test_a_window_hears_all_of_its_gap(start, seconds, apart, attempt):
    """And is no longer than a window; a second one differs from the first."""
    gap = Span(start, min(start + seconds, RECORDING.end))
    onset = min(max(gap.start + apart, 0.0), gap.end)
    assume(gap.duration > 0.05)
    request = gap_request(gap, onset, attempt, RECORDING, 7)
    if request is None:
        assert attempt == 1
        return
    window = request.window
    assert RECORDING.start <= window.start <= onset
    assert gap.end <= window.end <= RECORDING.end
    assert window.end - window.start <= LONGEST_WINDOW + 1e-9
    assert gap.end <= window.needed_until
    if attempt:
        first = gap_request(gap, onset, 0, RECORDING, 7).window
        assert max(first.start - window.start, window.end - first.end) >= ALIKE - 1e-9
