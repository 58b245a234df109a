from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.datasets.folder import load_demo, load_folder, load_manifest
from benchmarks.datasets.types import DatasetMissing, LoadOptions
from benchmarks.formats.types import FormatError, TimedWord
from benchmarks.items import AudioPart

NLP = "token|speaker|ts|endTs|tags\n$5|1|||['0:MONEY']\n"
NORM = '{"0": {"candidates": [{"verbalization": ["five", "dollars"]}]}}'
GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n0\n2\n<exists>\n1\n"IntervalTier"\n'
    '"words"\n0\n2\n2\n0\n1\n"hello"\n1\n2\n"there"\n'
)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".txt", "hello\nthere\n"),
        (".srt", "1\n00:00:00,000 --> 00:00:02,000\nhello there\n"),
        (".vtt", "WEBVTT\n\n00:00.000 --> 00:02.000\nhello there\n"),
        (".stm", "talk 1 A 0 2 <o> hello there\n"),
        (".ctm", "talk 1 0 1 hello\ntalk 1 1 1 there\n"),
        (".nlp", "token|ts|endTs\nhello|0|1\nthere|1|2\n"),
        (".TextGrid", GRID),
        (".json", '{"text": "hello there", "words": []}'),
    ],
)
def test_reference_beside_the_sound(tmp_path: Path, make_sound, suffix: str, content: str) -> None:
    sound = make_sound(tmp_path / "calls" / "talk.wav")
    sound.with_suffix(suffix).write_text(content)
    make_sound(tmp_path / "nothing-beside.wav")
    (item,) = load_folder(tmp_path, LoadOptions(language="de"))
    assert (item.name, item.language, item.reference) == ("calls/talk", "de", "hello there")
    assert item.is_one_file
    if suffix not in (".txt", ".json"):
        assert item.words == (TimedWord("hello", 0.0, 1.0), TimedWord("there", 1.0, 2.0))


def test_choices(tmp_path: Path, make_sound) -> None:
    sound = make_sound(tmp_path / "a.wav")
    sound.with_suffix(".stm").write_text("a 1 A 0 2 { hello / hi } there\n")
    assert load_folder(tmp_path, LoadOptions())[0].has_choices


def test_norm_json(tmp_path: Path, make_sound) -> None:
    sound = make_sound(tmp_path / "a.wav")
    sound.with_suffix(".nlp").write_text(NLP)
    sound.with_suffix(".norm.json").write_text(NORM)
    (item,) = load_folder(tmp_path, LoadOptions(use_norm=True))
    assert item.reference == "{ $5 / five dollars }"


def test_broken_reference_is_named(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "a.wav").with_suffix(".json").write_text("{")
    with pytest.raises(FormatError, match=r"a\.json"):
        load_folder(tmp_path, LoadOptions())


def test_no_references(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "a.wav")
    with pytest.raises(DatasetMissing, match="beside"):
        load_folder(tmp_path, LoadOptions())


def test_demo(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "meeting.opus")
    word = {"text": "hello", "start": 0.1, "end": 0.2}
    content = {"text": "hello", "sentences": [{"words": [word]}]}
    (tmp_path / "meeting.json").write_text(json.dumps(content))
    (item,) = load_demo(tmp_path, LoadOptions())
    assert item.words == (TimedWord("hello", 0.1, 0.2),)
    (tmp_path / "meeting.opus").unlink()
    with pytest.raises(DatasetMissing, match="no sound"):
        load_demo(tmp_path, LoadOptions())


def test_manifest_of_json_lines(tmp_path: Path) -> None:
    rows = [
        {"audio_filepath": "a.wav", "text": "one", "duration": 3.0},
        {
            "audio": "a.wav",
            "text": "two",
            "offset": 1.0,
            "duration": 2.0,
            "language": "hi",
            "id": "x",
            "words": [{"text": "two", "start": 0, "end": 1}],
        },
    ]
    path = tmp_path / "list.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    first, second = load_manifest(path, LoadOptions())
    assert first.parts == (AudioPart(tmp_path / "a.wav"),)
    assert first.name == "a-1"
    assert second.parts == (AudioPart(tmp_path / "a.wav", 1.0, 3.0),)
    assert (second.name, second.language) == ("x", "hi")
    assert second.words == (TimedWord("two", 0.0, 1.0),)


@pytest.mark.parametrize(("name", "comma"), [("list.tsv", "\t"), ("list.csv", ",")])
def test_manifest_as_a_table(tmp_path: Path, name: str, comma: str) -> None:
    (tmp_path / name).write_text(f"path{comma}sentence\na.wav{comma}one\n")
    (item,) = load_manifest(tmp_path / name, LoadOptions(language="ta"))
    assert (item.reference, item.language) == ("one", "ta")


def test_manifest_row_without_text(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text('{"audio": "a.wav"}')
    with pytest.raises(FormatError, match="row 1"):
        load_manifest(tmp_path / "list.jsonl", LoadOptions())


def test_empty_manifest(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text("\n")
    with pytest.raises(DatasetMissing, match="no recordings"):
        load_manifest(tmp_path / "list.jsonl", LoadOptions())


def test_two_sounds_with_one_reference_are_two_recordings(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "talk.wav").with_suffix(".txt").write_text("hello")
    make_sound(tmp_path / "talk.flac")
    names = [item.name for item in load_folder(tmp_path, LoadOptions())]
    assert names == ["talk.flac", "talk.wav"]


def test_manifest_of_a_spreadsheet_keeps_commas_in_quotes(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text('audio,text\na.wav,"one, ""two"" and three"\n')
    (item,) = load_manifest(tmp_path / "list.csv", LoadOptions())
    assert item.reference == 'one, "two" and three'
