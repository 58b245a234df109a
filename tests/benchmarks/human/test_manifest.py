from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.datasets.types import DatasetMissing
from benchmarks.formats.types import FormatError, TimedWord
from benchmarks.human.manifest import DIGIT_ORDERS, Joining, load_recordings
from benchmarks.human.types import HumanRecording
from chunking.types import Span


def write(folder: Path, *rows: dict[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"seconds": 10.0, "language": "en", **row}) for row in rows]
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return folder


def load(folder: Path, **joining: float) -> dict[str, HumanRecording]:
    found = load_recordings([folder], Joining(**joining))
    return {recording.item.name: recording for recording in found}


def test_clips_of_a_group_are_joined_in_their_order(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "set",
        {"path": "a/2.wav", "text": "two", "kind": "speech", "group": "g", "order": 2},
        {"path": "a/1.wav", "text": "and one", "kind": "speech", "group": "g", "order": 1},
        {"path": "b/long.wav", "text": "three", "style": "prepared speech", "seconds": 90.0},
    )
    found = load(folder, gap=0.7)
    joined = found["set/a-g-en-read-1"]
    assert [part.path.name for part in joined.item.parts] == ["1.wav", "2.wav"]
    assert [part.gap for part in joined.item.parts] == [0.7, 0.7]
    assert joined.item.reference == "and one two"
    alone = found["set/b/long.wav"]
    assert (alone.kind, alone.item.parts[0].gap) == ("spoken", 0.0)
    assert load(folder, gap=0.7) == found


def test_recordings_of_joined_clips_are_as_few_as_their_length_allows(tmp_path: Path) -> None:
    rows = [{"path": f"a/{n}.wav", "text": f"w{n}"} for n in range(7)]
    found = load(write(tmp_path / "set", *rows), gap=0.0, length=30.0)
    assert [len(recording.item.parts) for recording in found.values()] == [3, 3, 1]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"style": "meeting, 3-5 people"}, "meeting"),
        ({"style": "spontaneous telephone dialogue"}, "calls"),
        ({"style": "sales call"}, "calls"),
        ({"style": "dictation read from a script"}, "read"),
        ({"style": "spontaneous voice note"}, "spoken"),
        ({"kind": "speech"}, "read"),
        ({}, "read"),
        ({"style": "read text", "language": "de"}, "languages"),
        ({"style": "non-speech", "text": None, "language": None}, "nonspeech"),
        ({"kind": "nonspeech", "text": None, "language": None}, "nonspeech"),
    ],
)
def test_the_style_says_the_kind(tmp_path: Path, row: dict[str, object], kind: str) -> None:
    (found,) = load(
        write(tmp_path / "s", {"path": "a/1.wav", "text": "some words", **row})
    ).values()
    assert found.kind == kind


def test_nobody_is_told_what_is_not_english(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "s",
        {"path": "a/1.wav", "text": "some words"},
        {"path": "a/2.wav", "text": "einige Wörter", "language": "de"},
        {"path": "a/3.wav", "text": None, "style": "non-speech", "language": None},
        {"path": "a/4.wav", "text": None, "language": "ja"},
    )
    told = {r.language: (r.item.language, r.item.reference) for r in load(folder).values()}
    assert told == {
        "en": ("en", "some words"),
        "de": ("", "einige Wörter"),
        None: ("", ""),
        "ja": ("", ""),
    }


@pytest.mark.parametrize(
    "row",
    [
        {"kind": "corrupt"},
        {"kind": "reference-only"},
        {"synthetic": True},
        {"text": None, "kind": "speech"},  # English without a reference says nothing
    ],
)
def test_what_cannot_be_measured_is_left_out(tmp_path: Path, row: dict[str, object]) -> None:
    folder = write(
        tmp_path / "s", {"path": "a.wav", "text": "x", **row}, {"path": "b/1.wav", "text": "y z"}
    )
    assert [r.item.reference for r in load(folder).values()] == ["y z"]


def test_chinese_in_latin_letters_is_no_reference(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "s",
        {"path": "a/1.wav", "text": "ni hao", "language": "zh"},
        {"path": "a/2.wav", "text": "你好", "language": "zh"},
    )
    texts = {r.item.name: r.item.reference for r in load(folder).values()}
    assert texts == {"s/a-zh-languages-untexted-1": "", "s/a-zh-languages-1": "你好"}


def test_digits_come_in_several_orders_that_stay(tmp_path: Path) -> None:
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    rows = [{"path": f"d/{w}.wav", "text": w} for w in words]
    found = load(write(tmp_path / "s", *rows, {"path": "few/1.wav", "text": "six"}))
    digits = [r for r in found.values() if r.kind == "digits"]
    orders = {r.item.reference for r in digits}
    assert len(orders) == len(digits) == DIGIT_ORDERS
    assert all(sorted(order.split()) == sorted(words) for order in orders)
    assert {part.gap for r in digits for part in r.item.parts} == {0.4}
    assert found["s/few-en-read-1"].item.reference == "six"
    assert orders == {r.item.reference for r in load(tmp_path / "s").values() if r.kind == "digits"}


def test_sound_without_speech_is_heard_between_readings(tmp_path: Path) -> None:
    quiet = {"text": None, "language": None, "style": "non-speech"}
    speech = write(
        tmp_path / "speech",
        {"path": "a/1.wav", "text": "one", "seconds": 12.0},
        {"path": "a/short.wav", "text": "short", "seconds": 3.0},
        {"path": "a/2.wav", "text": "two", "seconds": 20.0},
    )
    noise = write(
        tmp_path / "noise",
        {"path": "music/less.wav", "seconds": 40.0, **quiet},
        {"path": "music/more.wav", "seconds": 110.0, **quiet},
        {"path": "rain/click.wav", "seconds": 2.0, **quiet},
    )
    (found,) = [r for r in load_recordings([speech, noise]) if r.kind == "between"]
    parts = [(part.path.name, part.end) for part in found.item.parts]
    middle = [("more.wav", None), ("more.wav", None), ("more.wav", 80.0)]
    assert parts == [("1.wav", None), *middle, ("2.wav", None)]
    assert (found.item.reference, found.quiet) == ("one two", Span(12.0, 312.0))
    assert all(r.kind != "between" for r in load_recordings([noise]))


def test_words_with_times_and_texts_within_json(tmp_path: Path) -> None:
    words = [["hello", 0.5, 0.9, "A"], {"text": "you", "start": 1.0, "end": 1.2}]
    inner = json.dumps([{"filename": "a", "transcription": "hello you"}])
    folder = write(
        tmp_path / "s", {"path": "a.wav", "text": inner, "words": words, "seconds": 99.0}
    )
    (found,) = load(folder).values()
    assert found.item.reference == "hello you"
    assert found.item.words == (TimedWord("hello", 0.5, 0.9), TimedWord("you", 1.0, 1.2))


def test_seconds_are_measured_where_the_row_does_not_say(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "s" / "a" / "1.wav", 0.5)
    folder = write(tmp_path / "s", {"path": "a/1.wav", "text": "hm hm", "seconds": None})
    (found,) = load(folder).values()
    assert found.item.parts[0].path.name == "1.wav"


def test_what_a_folder_lacks_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match=r"no manifest\.jsonl"):
        load_recordings([tmp_path])
    with pytest.raises(DatasetMissing, match="names no recording"):
        load(write(tmp_path / "empty", {"path": "a", "kind": "corrupt"}))
    with pytest.raises(FormatError, match="row 1"):
        load(write(tmp_path / "bad", {"text": "without a path"}))
    one, two = (write(tmp_path / n / "s", {"path": "a/1.wav", "text": "x y"}) for n in "ab")
    with pytest.raises(FormatError, match="one name"):
        load_recordings([one, two])
