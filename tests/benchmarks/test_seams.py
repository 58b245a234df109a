from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.alignment import Reference, align
from benchmarks.cli.seams import CASE_COLUMNS, case_row, row, verdict
from benchmarks.evaluation import evaluate
from benchmarks.formats.types import TimedWord
from benchmarks.items import AudioPart, Item
from benchmarks.peers.types import PeerTranscript
from benchmarks.records import FileRecord, SystemRecord
from benchmarks.seams import (
    Phase,
    SeamReport,
    both_phases,
    duplicated_positions,
    report_on,
    shifted,
)
from benchmarks.statistics import Interval
from chunking.types import Span

SAID = tuple(f"w{n}" for n in range(100))  # a word a second


def phase(heard: list[str], seams: tuple[float, ...], shift: float = 0.0) -> Phase:
    times = tuple(Span(n + shift, n + shift + 0.8) for n in range(len(SAID)))
    return Phase(align(Reference(SAID), heard), times, tuple(s + shift for s in seams))


def test_zones_hold_the_words_within_two_seconds() -> None:
    assert phase(list(SAID), (25.5, 50.5)).zones() == [[24, 25, 26, 27], [49, 50, 51, 52]]


def test_a_perfect_merge_costs_nothing() -> None:
    report = report_on([(phase(list(SAID), (25.0, 50.0)), phase(list(SAID), (12.5, 37.5), 12.5))])
    assert report.seams == 4
    assert report.excess is not None
    assert (report.excess.value, report.excess.high) == (0.0, 0.0)
    assert report.rate_in == report.rate_out == 0.0
    assert report.mcnemar.p == 1.0


def test_words_lost_at_seams_are_the_seams() -> None:
    lossy = [w for n, w in enumerate(SAID) if n not in (24, 25, 26)]
    report = report_on([(phase(lossy, (25.0,)), phase(list(SAID), (60.0,), 12.5))])
    assert report.seams == 2
    assert report.errors_in == 3
    assert report.excess is not None
    assert report.excess.value == pytest.approx(3 / 2)
    assert report.lost_runs == 1
    assert (report.only_at_seam, report.only_inside) == (3, 0)


def test_what_was_lost_and_said_twice_is_listed_with_its_place() -> None:
    lossy = [w for n, w in enumerate(SAID) if n not in (24, 25, 26)]
    doubled = [*SAID[:50], *SAID[48:]]
    report = report_on([(phase(lossy, (25.0,)), phase(doubled, (60.0,), 12.5))])
    lost, twice = report.cases
    assert (lost.kind, lost.words, lost.time, lost.seam_distance) == ("lost", "w24 w25 w26", 24, 1)
    assert (twice.kind, twice.words, twice.is_elsewhere) == ("twice", "w48 w49", False)
    assert twice.time == pytest.approx(50 + 12.5)
    assert report.rates == (0.03, 0.02)
    for case in report.cases:
        assert len(case_row(case)) == len(CASE_COLUMNS)
    again = report_on([(phase(lossy, (25.0,)), phase(lossy, (60.0,)))])
    assert all(case.is_elsewhere for case in again.cases)


def test_a_hard_passage_is_not_the_seams() -> None:
    # both phases mishear the words at the seam of the first
    wrong = ["x" if n in (24, 25) else w for n, w in enumerate(SAID)]
    report = report_on([(phase(wrong, (25.0,)), phase(wrong, (60.0,)))])
    assert report.errors_in == 2
    assert report.excess is not None
    assert report.excess.value == 0.0


def test_words_said_twice_at_a_seam() -> None:
    doubled = [*SAID[:26], *SAID[24:]]
    report = report_on([(phase(doubled, (25.5,)), phase(list(SAID), (60.0,)))])
    assert report.duplicates == 1


def test_duplicates_are_copies_of_a_neighbour() -> None:
    said = Reference(("a", "b", "c", "d"))
    assert duplicated_positions(align(said, ["a", "b", "a", "b", "c", "d"])) == [2]
    assert duplicated_positions(align(said, ["a", "b", "x", "y", "c", "d"])) == []


def test_zones_that_meet_in_both_phases_are_left_out() -> None:
    report = report_on([(phase(list(SAID), (25.0,)), phase(list(SAID), (26.0,)))])
    assert report.seams == 0
    assert report.excess is None
    assert report.rate_in is None


def timed_item(tmp_path: Path) -> Item:
    words = tuple(TimedWord(w, n, n + 0.8) for n, w in enumerate(SAID))
    return Item("talk", (AudioPart(tmp_path / "a.wav"),), " ".join(SAID), words=words)


def test_phases_of_a_run(tmp_path: Path) -> None:
    item = timed_item(tmp_path)
    later = shifted(item, tmp_path)
    lossy = " ".join(w for n, w in enumerate(SAID) if n != 25)
    system = SystemRecord(
        "s",
        {},
        {},
        (
            FileRecord(item, 100.0, PeerTranscript(lossy, seams=(25.5,))),
            FileRecord(later, 112.5, PeerTranscript(" ".join(SAID), seams=(62.5,))),
            FileRecord(replace(item, name="lonely"), 100.0, PeerTranscript(lossy, seams=(25.5,))),
        ),
    )
    pairs = both_phases(evaluate(system, "none"), [item, replace(item, name="lonely")])
    report = report_on(pairs)
    assert (len(pairs), report.seams, report.errors_in) == (1, 2, 1)
    assert row(report)[0] == "2"


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [(-0.1, 0.01, "cost no words"), (0.1, 0.3, "above zero"), (-0.1, 0.3, "not settled")],
)
def test_verdict(low: float, high: float, sentence: str) -> None:
    report = SeamReport(9, 9, 1, 9, 1, Interval(0.0, low, high), 0, 0, 0, 0)
    assert sentence in verdict(report)
    nothing = replace(report, excess=None)
    assert "no seam" in verdict(nothing)
    assert row(nothing)[1] == row(nothing)[4] == "–"


def test_shifted_recording(tmp_path: Path) -> None:
    item = Item("a", (AudioPart(tmp_path / "a.wav"),), "x", words=(TimedWord("x", 1.0, 2.0),))
    later = shifted(item, tmp_path)
    assert later.words == (TimedWord("x", 13.5, 14.5),)
    assert later.parts[1:] == item.parts
    assert later.parts[0].path.is_file()
