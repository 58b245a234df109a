from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks.formats.types import TimedWord
from benchmarks.human.phases import phase_tables, phases_of_recording
from benchmarks.human.report import gaps
from benchmarks.human.study import Study, study
from benchmarks.human.types import HumanRecording
from benchmarks.peers.types import PeerTranscript
from benchmarks.seams import Phase
from chunking.types import Span
from tests.benchmarks.human.planted import SAID, heard, plant_study, recording, without

OURS, SEQUENTIAL = "ours", "ours-sequential"
SEAM_AT_50 = {"seams": (50.0,)}
SEAM_AT_150 = {"seams": (150.0,)}


def in_phases(
    recordings: Sequence[HumanRecording],
    systems: Mapping[str, Sequence[Sequence[PeerTranscript | None]]],
) -> Study:
    """For each system what it heard of each recording, phase by phase."""
    longest = max(map(len, systems.values()))
    records = []
    for number in range(longest):
        one = {name: found[number] for name, found in systems.items() if number < len(found)}
        planted = plant_study(recordings, {"": [heard(SAID)] * len(recordings), **one})
        records += [replace(s, phase=4.0 * number) for s in planted.run.systems if s.name]
    return study(recordings, replace(planted.run, systems=tuple(records)))


def rows(found: Study, title: str) -> list[tuple[str, ...]]:
    (table,) = [table for table in phase_tables(found) if table.title == title]
    return [row for row in table.rows if row[0] in ("all", "read and spoken")]


def test_errors_are_averaged_over_the_phases_before_systems_are_compared() -> None:
    found = in_phases(
        [recording("read")],
        {
            OURS: [[heard(without(5))], [heard(without(5, 6, 7))]],
            SEQUENTIAL: [[heard(without(5, 100, 101, 102))], [heard(SAID)]],
        },
    )
    ours, theirs = rows(found, "Windows moved")
    assert ours == ("all", OURS, "2", "0.50 % … 1.50 %", "1.00 %", "–")
    assert theirs[:5] == ("all", SEQUENTIAL, "2", "0.00 % … 2.00 %", "1.00 %")
    assert theirs[5].startswith("+0.00 (")


def test_a_seam_costs_what_the_other_phases_hear_there() -> None:
    lossy = without(49, 50, 51)
    found = in_phases(
        [recording("read"), recording("call", "calls")],
        {
            OURS: [
                [heard(lossy, **SEAM_AT_50), heard(SAID, **SEAM_AT_50)],
                [heard(SAID, **SEAM_AT_150), heard(SAID, **SEAM_AT_150)],
                [heard(without(50), **SEAM_AT_150), heard(SAID, **SEAM_AT_150)],
            ]
        },
    )
    every, clear = rows(found, "What a seam costs us")
    # The first phase errs three times where the others err once in two.
    assert every == ("all", "6", "0", "1", "6", "+0.417 (+0.000 … +1.250)")
    assert clear[:5] == ("read and spoken", "3", "0", "1", "3")


def test_a_seam_that_all_phases_have_says_nothing() -> None:
    same = heard(without(50), **SEAM_AT_50)
    found = in_phases([recording("read")], {OURS: [[same], [same]]})
    assert rows(found, "What a seam costs us")[0] == ("all", "2", "0", "0", "0", "–")


def test_only_phases_of_both_are_compared() -> None:
    """A phase in which either heard nothing takes nothing from the others."""
    found = in_phases(
        [recording("read")],
        {
            OURS: [[heard(SAID)], [heard(without(3))], [heard(without(3, 4))], [None]],
            SEQUENTIAL: [[None], [heard(SAID)], [heard(without(3, 4))], [heard(SAID)]],
        },
    )
    ours, theirs = rows(found, "Windows moved")
    assert ours == ("all", OURS, "3", "0.00 % … 1.00 %", "0.50 %", "–")
    assert theirs[:5] == ("all", SEQUENTIAL, "2", "0.00 % … 1.00 %", "0.50 %")
    assert theirs[5].startswith("+0.25 (")


def test_speech_without_words_has_no_rate() -> None:
    empty = heard([])
    found = in_phases([recording("read", reference="")], {OURS: [[empty], [empty]]})
    assert rows(found, "Windows moved") == []


def test_a_word_said_twice_at_a_seam_is_counted() -> None:
    doubled = heard([*SAID[:50], *SAID[48:]], **SEAM_AT_50)
    found = in_phases([recording("read")], {OURS: [[doubled], [heard(SAID, **SEAM_AT_150)]]})
    assert rows(found, "What a seam costs us")[0][1:4] == ("2", "1", "0")


def test_only_what_all_phases_heard_is_compared_and_the_rest_is_named() -> None:
    found = in_phases(
        [recording("one"), recording("two")],
        {OURS: [[heard(SAID), heard(without(3))], [heard(SAID), None]]},
    )
    assert rows(found, "Windows moved") == [("all", OURS, "2", "0.00 % … 0.00 %", "0.00 %", "–")]
    assert gaps(found) == ["1 of 2 recordings by ours, windows moved by 4 s"]


def test_without_moved_windows_there_is_no_table() -> None:
    found = plant_study([recording("read")], {OURS: [heard(SAID)]})
    assert not any(table.rows for table in phase_tables(found))


def test_words_stand_where_the_corpus_says_or_where_the_phases_heard_them() -> None:
    early, late = heard(SAID), heard(without(7))
    timed = tuple(TimedWord(w, n + 30.0, n + 31.0) for n, w in enumerate(SAID))
    for words, wanted in ((timed, Span(37.0, 38.0)), ((), Span(7, 7.8))):
        found = in_phases([recording("read", words=words)], {OURS: [[early], [late]]})
        assert [phase.times[7] for phase in of_one_recording(found)] == [wanted] * 2
    found = in_phases([recording("read")], {OURS: [[late], [late]]})
    assert [phase.times[7] for phase in of_one_recording(found)] == [None] * 2


def of_one_recording(found: Study) -> list[Phase]:
    (name,) = found.ours.heard
    return phases_of_recording([phase.heard[name] for phase in found.phases_of(OURS).values()])
