from __future__ import annotations

from dataclasses import replace

from benchmarks.formats.types import TimedWord
from benchmarks.human.report import gaps, render_note, tables_of, to_json
from benchmarks.human.study import Study
from benchmarks.human.tables import Table
from benchmarks.peers.types import PeerTranscript
from chunking.types import Span
from tests.benchmarks.human.planted import SAID, accounted, heard, plant_study, recording, without

SEQUENTIAL = "ours-sequential"


def whole_study() -> Study:
    """Ours loses three words that the others hear; the others lose three that ours hears."""
    timed = tuple(TimedWord(w, float(n), n + 0.8) for n, w in enumerate(SAID))
    recordings = [
        recording("read"),
        recording("call", "calls", words=timed),
        recording("noise", "nonspeech", None, reference=""),
        replace(recording("music", "between"), quiet=Span(200.0, 200.0)),
        recording("digits", "digits", reference="one two three"),
        recording("german", "languages", "de", reference="das ist ein Satz"),
    ]
    ours = [
        heard(without(50, 51, 52), account=accounted((50.0, 52.0))),
        heard(SAID, account=accounted()),
        PeerTranscript("you", account=accounted()),
        heard(without(60)),
        PeerTranscript("1 3", seams=(100.0,)),
        PeerTranscript("das ist ein Satz", language="de"),
    ]
    theirs = [
        heard(SAID, windows=10),
        heard(without(70, 71, 72), windows=10),
        PeerTranscript("", windows=7),
        heard(SAID),
        None,
        PeerTranscript("that is a sentence", language="en"),
    ]
    return plant_study(
        recordings, {"ours": ours, SEQUENTIAL: theirs, "missing": [None] * len(recordings)}
    )


def row(tables: tuple[Table, ...], title: str, *first: str) -> dict[str, str]:
    (table,) = [table for table in tables if table.title == title]
    (found,) = [r for r in table.rows if r[: len(first)] == first]
    return dict(zip(table.columns, found, strict=True))


def test_what_we_said_twice_is_listed_with_its_place() -> None:
    """Which of the two is the one too many, nobody knows."""
    words = [*SAID[:62], *SAID[60:]]
    times = tuple(TimedWord(word, float(at), at + 0.8) for at, word in enumerate(words))
    text = PeerTranscript(" ".join(words), times, seams=(100.0,), account=accounted())
    tables = tables_of(plant_study([recording("read")], {"ours": [text]}))
    found = row(tables, "What we said twice", "read")
    assert found["Words"] == " ".join(SAID[60:62])
    assert (found["Where"], found["From a seam"]) in {("1:00.0", "40.0 s"), ("1:02.0", "38.0 s")}


def test_every_table_says_what_was_planted() -> None:
    tables = tables_of(whole_study())
    pooled = row(tables, "Long recordings of English speech", "all", "ours")
    assert (pooled["Words"], pooled["Del"], pooled["WER"]) == ("400", "3", "0.75 %")
    assert pooled["WER, each digit a word"] == "0.75 %"
    theirs = row(tables, "Long recordings of English speech", "read", SEQUENTIAL)
    assert theirs["Ours less (95 %)"].startswith("+1.50 (")
    losses = row(tables, "Lost in a row, said twice", SEQUENTIAL)
    assert losses["Lost runs"] == losses["We lost, it heard"] == losses["It lost, we heard"] == "1"
    case = row(tables, "What we lost", "read")
    assert (case["Words"], case["Heard by"]) == (" ".join(SAID[50:53]), SEQUENTIAL)
    holes = row(tables, "Holes that our report names", "all")
    assert (holes["Named"], holes["False"]) == ("1 (100 %)", "0")
    work = row(tables, "Windows", "all")
    assert (work["Planned"], work["Repairs"], work["of these used"]) == ("16", "8 (33 %)", "2")
    assert (work["Windows a minute"], work["Sequential's"]) == ("3.60", "3.00")
    assert work["Ours for one of them"] == "1.20"
    assert row(tables, "Windows", "nonspeech")["Minutes"] == "3.3"
    assert row(tables, "Nobody speaks", "ours")["Words"] == "1"
    between = row(tables, "Speech, minutes without any, speech", "ours")
    style = row(tables, "Style that stays", "ours")
    assert (style["Stretches"], style["Without punctuation"]) == ("14", "14")
    assert (between["Said around"], between["Lost"], between["Words there"]) == ("200", "1", "0")
    assert row(tables, "What was made up", "ours")["Text"] == "you"
    assert row(tables, "Digits, one after the other", "ours")["Lost"] == "1"
    languages = "Other languages, the recogniser told nothing"
    assert row(tables, languages, "de", "ours")["Language right"] == "1 of 1"
    assert row(tables, languages, "de", SEQUENTIAL)["Language right"] == "0 of 1 (also en)"
    assert row(tables, "Word times against reference times", "ours")["Mean error"] == "0 ms"
    seconds = row(tables, "Seconds for a minute of sound", "ours")
    assert (seconds["Elapsed"], seconds["CPU"]) == ("3.00", "6.00")


def test_a_note_names_what_is_missing_and_no_folder() -> None:
    found = whole_study()
    text = render_note(found, tables_of(found))
    assert "missing was not measured: RuntimeError: broken" in text
    assert gaps(found) == [f"1 of 6 recordings by {SEQUENTIAL}"]
    assert "| all | ours | 2 | 400 | 0.75 % |" in text
    assert "model m.pt, torch 2" in text
    assert "/where" not in text


def test_tables_stand_in_the_json_beside_the_run() -> None:
    found = whole_study()
    content = to_json(found, tables_of(found))
    assert content["systems"][0]["name"] == "ours"
    assert [t["title"] for t in content["tables"]] == [t.title for t in tables_of(found)]


def test_tables_without_rows_are_left_out() -> None:
    found = plant_study([recording("read")], {"ours": [heard(SAID)]})
    titles = {table.title for table in tables_of(found)}
    assert titles == {
        "Long recordings of English speech",
        "Lost in a row, said twice",
        "Seconds for a minute of sound",
        "Style that stays",
    }
