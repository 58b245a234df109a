from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.items import AudioPart, Item
from benchmarks.sound import prepare
from benchmarks.speed.processor.recordings import Timed, choose, nearest, repeated


@pytest.fixture
def mixture(tmp_path: Path, make_sound) -> Path:
    """Two long readings, a talk, a call in German, and a noise."""
    rows = [
        {"path": "a/1.wav", "text": "one", "language": "en", "seconds": 31},
        {"path": "a/2.wav", "text": "two", "language": "en", "seconds": 33},
        {"path": "b/1.wav", "text": "three", "style": "monologue", "language": "en", "seconds": 34},
        {"path": "c/1.wav", "text": "vier", "style": "call", "language": "de", "seconds": 32},
        {"path": "d/1.wav", "text": None, "style": "non-speech", "language": None, "seconds": 32},
    ]
    place = tmp_path / "mixture"
    for row in rows:
        make_sound(place / str(row["path"]), row["seconds"])
    (place / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return place


def test_kinds_take_turns_until_the_minutes_are_full(mixture: Path, tmp_path: Path) -> None:
    def texts(minutes: float | None) -> list[str]:
        return [one.item.reference for one in choose([mixture], minutes, tmp_path / "sound")]

    assert texts(None) == ["one", "three", "two"]
    assert texts(1.2) == ["one", "three"]
    assert texts(0.55) == ["one"]  # it is more than two thirds, and so is every other
    with pytest.raises(ValueError, match=r"of 20 s or more and at most 0\.4 minutes"):
        texts(0.4)


def test_the_shipped_recording_where_none_is_given(tmp_path: Path) -> None:
    (one,) = choose([], None, tmp_path)
    assert one.seconds > 300
    assert len(one.item.reference.split()) > 500


def test_over_and_over_in_whole_rounds(tmp_path: Path, make_sound) -> None:
    parts = [AudioPart(make_sound(tmp_path / f"{name}.wav", 1.0)) for name in "ab"]
    recordings = [Timed(Item(str(p), (p,), f"word {n}"), 1.0) for n, p in enumerate(parts)]
    item = repeated(recordings, 0.1)
    assert [part.path for part in item.parts] == [part.path for part in parts] * 3
    assert item.reference == " ".join(["word 0 word 1"] * 3)
    assert prepare(item, tmp_path / "sound")[1] == 6 * 1.5
    assert len(repeated(recordings, 0.001).parts) == 2


def test_the_nearest_length() -> None:
    recordings = [Timed(Item("x", (AudioPart(Path("x")),), ""), s) for s in (36.0, 153.0, 274.0)]
    assert nearest(recordings, 150.0).seconds == 153.0
