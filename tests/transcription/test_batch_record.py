import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from transcription.batch_record import RECORD, BatchRecord, Made, Source

TALK = Source("talk.wav", "/calls/talk.wav", 10, 20)
MADE = Made("talk", ("text", "verbose_json"), TALK, "base", "0123456789ab")


def test_what_was_added_is_found_by_who_opens_it_later(tmp_path):
    record = BatchRecord(tmp_path)
    assert record.owner("talk") is record.made("talk", "txt") is None
    record.add(MADE)
    record.add(later := replace(MADE, formats=("srt", "text"), model="turbo"))
    again = BatchRecord(tmp_path)
    assert again.owner("talk") == TALK
    assert again.made("talk", "json") == MADE
    assert again.made("talk", "txt") == again.made("talk", "srt") == later
    assert again.made("talk", "vtt") is again.made("other", "txt") is None


def test_names_of_any_bytes(tmp_path):
    name = os.fsdecode(b"caf\xe9 \n.wav")
    path = tmp_path / name
    path.write_bytes(b"x")
    source = Source.of(path, Path(name))
    BatchRecord(tmp_path).add(replace(MADE, target=name, source=source))
    assert BatchRecord(tmp_path).owner(name) == source


@pytest.mark.parametrize(
    "line", [b'{"target": "talk", "for', b"[1]", b"{}", b"\xff", b'{"source": 5}', b"null"]
)
def test_a_line_that_is_torn_spoils_no_other(tmp_path, line):
    record = BatchRecord(tmp_path)
    record.add(MADE)
    with (tmp_path / RECORD).open("ab") as file:
        file.write(line)
    record.add(replace(MADE, target="other"))
    again = BatchRecord(tmp_path)
    assert again.made("talk", "txt") == MADE
    assert again.owner("other") == TALK


def test_a_format_of_a_later_version_is_passed_over(tmp_path):
    later = replace(MADE, formats=("text", "ebu_stl"))
    BatchRecord(tmp_path).add(later)
    assert BatchRecord(tmp_path).made("talk", "txt") == later
    assert MADE.is_asked_like(later)


def add_many(folder, first):
    record = BatchRecord(folder)
    for number in range(first, first + 200):
        record.add(replace(MADE, target=f"{number}", source=replace(TALK, name="x" * 2000)))


def test_several_runs_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)
    with ThreadPoolExecutor(4) as runs:
        list(runs.map(add_many, [tmp_path] * 4, range(0, 800, 200)))
    record = BatchRecord(tmp_path)
    assert all(record.owner(f"{number}") is not None for number in range(800))
    lines = filter(None, (tmp_path / RECORD).read_bytes().split(b"\n"))
    assert len([json.loads(line) for line in lines]) == 800


def test_no_room_for_a_line(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda number, line: write(number, line[:9]))
    with pytest.raises(OSError, match="No space left"):
        BatchRecord(tmp_path).add(MADE)
    monkeypatch.setattr(os, "write", write)
    BatchRecord(tmp_path).add(MADE)
    assert BatchRecord(tmp_path).owner("talk") == TALK


def test_who_is_a_stranger(tmp_path):
    (here := tmp_path / "talk.wav").write_bytes(b"x")
    owned = replace(TALK, path=str(here))
    BatchRecord(tmp_path).add(replace(MADE, source=owned))
    record = BatchRecord(tmp_path)
    assert record.stranger("other", TALK) is None
    assert record.stranger("talk", replace(owned, size=99)) is None  # it has changed
    assert record.stranger("talk", replace(TALK, path="/a/copy.wav")) is None  # of the same sound
    elsewhere = replace(TALK, path="/else/talk.wav", size=99)
    assert record.stranger("talk", elsewhere) == owned
    here.unlink()
    assert record.stranger("talk", elsewhere) is None  # in its place
    assert record.stranger("talk", replace(elsewhere, name="talk.mp3")) == owned


def test_what_is_asked_alike():
    assert MADE.is_asked_like(replace(MADE, formats=("text",)))
    assert MADE.is_asked_like(replace(MADE, formats=("text", "srt")))
    assert not MADE.is_asked_like(replace(MADE, formats=("json",)))
    assert not MADE.is_asked_like(replace(MADE, model="turbo"))
    assert not MADE.is_asked_like(replace(MADE, options_digest=""))
