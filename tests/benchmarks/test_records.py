from __future__ import annotations

import json
from pathlib import Path

from benchmarks.formats.types import TimedWord
from benchmarks.items import AudioPart, Item
from benchmarks.peers.types import Account, PeerTranscript
from benchmarks.records import FileRecord, SystemRecord
from chunking.types import Span

ITEM = Item("a", (AudioPart(Path("a.wav")),), "hello")


def test_a_record_comes_back_as_it_was() -> None:
    account = Account(4, 2, 1, 7, (Span(1.5, 3.0),), {"decode": 0.25, "merge": 0.5})
    words = (TimedWord("hello", 0.5, 1.0),)
    heard = PeerTranscript("hello", words, (27.5,), 6, 1.5, "de", account)
    record = FileRecord(ITEM, 60.0, heard, 5.0, 7, 8, cpu_seconds=9.5)
    assert FileRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_a_record_of_an_older_version_can_still_be_read() -> None:
    row = FileRecord(ITEM, 60.0, PeerTranscript("hello")).to_json()
    del row["cpu_seconds"]
    del row["heard"]["language"]
    found = FileRecord.from_json(row)
    assert found.heard == PeerTranscript("hello")
    assert found.cpu_seconds == 0.0


def test_a_system_comes_back_with_its_phase() -> None:
    system = SystemRecord("ours", {"model": "m"}, {"torch": "2"}, (FileRecord(ITEM, 60.0),), 4.0)
    row = json.loads(json.dumps(system.to_json()))
    assert SystemRecord.from_json(row) == system
    del row["phase"]
    assert SystemRecord.from_json(row).phase == 0.0
