from __future__ import annotations

import pytest

from benchmarks.formats.types import TimedWord
from benchmarks.human.losses import (
    Holes,
    counted_runs,
    holes_in,
    is_heard_by,
    lost_runs,
    said_twice,
)
from benchmarks.human.study import Heard
from benchmarks.peers.types import PeerTranscript
from chunking.types import Span
from tests.benchmarks.human.planted import SAID, accounted, heard, plant_study, recording, without


def listened(words, **facts) -> Heard:
    (found,) = plant_study([recording("a")], {"ours": [heard(words, **facts)]}).ours.heard.values()
    return found


def test_a_lost_run_lies_between_the_words_around_it() -> None:
    found = listened(without(50, 51, 52, 90))
    long, short = lost_runs(found)
    assert long.words == " ".join(SAID[50:53])
    assert long.positions == (50, 51, 52)
    assert (long.where, short.where) == (Span(49.8, 53.0), Span(89.8, 91.0))
    assert counted_runs(found) == [long]


def test_a_lost_run_lies_where_the_corpus_says() -> None:
    """An alignment of words that repeat may find them elsewhere; some of them have no time."""
    words = tuple(TimedWord(SAID[n], n - 4.0, n - 3.2) for n in (49, 50, 52, 53))
    one = recording("a", words=words)
    (found,) = plant_study([one], {"ours": [heard(without(50, 51, 52, 90))]}).ours.heard.values()
    long, untimed = lost_runs(found)
    assert (long.where, untimed.where) == (Span(46.0, 48.8), Span(89.8, 91.0))


@pytest.mark.parametrize("start", [0, 197])
def test_a_lost_run_at_either_end_takes_as_long_and_stays_inside(start: int) -> None:
    rest = [w for n, w in enumerate(SAID) if not start <= n < start + 3]
    each = 200 / len(rest)  # those that were heard leave no room
    words = tuple(TimedWord(w, n * each, (n + 1) * each) for n, w in enumerate(rest))
    text = PeerTranscript(" ".join(rest), words)
    (found,) = plant_study([recording("a")], {"ours": [text]}).ours.heard.values()
    (run,) = counted_runs(found)
    first = 200 - 3 * each if start else 0.0
    assert (run.where.start, run.where.end) == pytest.approx((first, first + 3 * each))


def test_a_lost_run_takes_as_long_as_its_words_where_none_is_left() -> None:
    """Two spoke at once: those who were heard fill the time of those who were not."""
    at_once = tuple(w for n, w in enumerate(SAID) if n not in (50, 51, 52))
    words = tuple(TimedWord(w, n, n + 1.0) for n, w in enumerate(at_once))
    text = PeerTranscript(" ".join(at_once), words, account=accounted((47.0, 48.2), (60.0, 61.0)))
    (found,) = plant_study([recording("a")], {"ours": [text]}).ours.heard.values()
    (run,) = counted_runs(found)
    assert run.where == Span(48.5, 51.5)
    assert holes_in(found) == Holes(lost=1, named=1, reported=2, false=1, minutes=200 / 60)


@pytest.mark.parametrize("place", [50, 53])
def test_what_is_written_in_fewer_words_is_not_lost(place: int) -> None:
    """Four words as the first or as the last of them, as an alignment may have it."""
    words = without(50, 51, 52, 53)
    words[place] = "".join(SAID[50:54])
    assert counted_runs(listened(words)) == []
    words[place] = "".join(SAID[50:52])
    assert len(counted_runs(listened(words))) == 1


def test_two_words_for_five_hold_those_behind_too() -> None:
    words = without(50, 51, 52, 53, 54)
    words[50], words[51] = SAID[51] + SAID[52], SAID[53] + SAID[54]
    assert counted_runs(listened(words)) == []


def test_a_run_at_either_end_reaches_to_the_recordings() -> None:
    first, last = counted_runs(listened(without(0, 1, 2, 197, 198, 199)))
    assert (first.where, last.where) == (Span(0.0, 3.0), Span(196.8, 200.0))


def test_everything_lost_is_one_run_over_the_recording() -> None:
    (run,) = counted_runs(listened([None] * len(SAID)))
    assert run.where == Span(0.0, 200.0)


def test_a_run_is_heard_by_whoever_has_half_of_it() -> None:
    (run,) = counted_runs(listened(without(50, 51, 52, 53)))
    assert is_heard_by(run, listened(without(50, 51)))
    assert not is_heard_by(run, listened(without(50, 51, 52)))
    assert not is_heard_by(run, listened(without(50, 51, 52, 53)))


def test_said_twice_is_what_repeats_its_neighbours() -> None:
    words = [*SAID[:52], *SAID[50:100], "else", *SAID[100:]]
    (found,) = said_twice(listened(words))
    assert found.words == " ".join(SAID[50:52])
    assert said_twice(listened(list(SAID))) == []


def test_who_tells_when_words_were_heard_tells_how_far_from_a_seam() -> None:
    words = [*SAID[:52], *SAID[50:]]
    times = tuple(TimedWord(word, float(at), at + 0.5) for at, word in enumerate(words))
    text = PeerTranscript(" ".join(words), times, seams=(20.0, 60.0))
    (found,) = plant_study([recording("a")], {"ours": [text]}).ours.heard.values()
    (case,) = said_twice(found)
    assert case.time in (50.0, 52.0)
    assert case.from_seam == 60.0 - case.time
    untimed = PeerTranscript(" ".join(words), seams=(20.0,))
    (found,) = plant_study([recording("a")], {"ours": [untimed]}).ours.heard.values()
    (case,) = said_twice(found)
    assert (case.time, case.from_seam) == (None, None)


def test_a_report_is_held_against_what_was_lost() -> None:
    lost = without(50, 51, 52, 90, 120, 121, 122)
    account = accounted((50.1, 52.5), (90.0, 90.9), (150.0, 153.0))
    found = holes_in(listened(lost, account=account))
    assert found is not None
    assert (found.lost, found.named, found.reported, found.false) == (2, 1, 3, 1)
    assert found.recall == 0.5
    assert found.false_in_ten_minutes == pytest.approx(3.0)
    both = found + found
    assert (both.lost, both.minutes) == (4, pytest.approx(400 / 60))


def test_who_has_no_report_names_nothing() -> None:
    assert holes_in(listened(without(50, 51, 52))) is None
    assert Holes().recall is None
    assert Holes().false_in_ten_minutes is None
