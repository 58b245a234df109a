from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.items import AudioPart, Item
from benchmarks.sound import SoundMissing, check_all, prepare, read_samples, seconds_of


def test_a_whole_file_is_handed_over(tmp_path: Path, make_sound) -> None:
    path = make_sound(tmp_path / "a.wav", 0.7)
    sound, seconds = prepare(Item("a", (AudioPart(path),), ""), tmp_path / "made")
    assert sound == path
    assert seconds == pytest.approx(0.7)
    assert seconds_of(path) == pytest.approx(0.7)


def test_parts_and_gaps_are_joined_once(tmp_path: Path, make_sound) -> None:
    first, second = make_sound(tmp_path / "a.wav", 1.0), make_sound(tmp_path / "b.wav", 1.0)
    parts = (AudioPart(first, 0.25, 0.5, gap=0.5), AudioPart(first, 0.5), AudioPart(second))
    item = Item("joined", parts, "")
    sound, seconds = prepare(item, tmp_path / "made")
    assert seconds == pytest.approx(0.25 + 0.5 + 0.5 + 1.0)
    samples = read_samples(sound)
    assert not samples[4000:12000].any()
    assert np.array_equal(samples[:4000], read_samples(first)[4000:8000])
    before = sound.stat().st_mtime_ns
    assert prepare(item, tmp_path / "made")[0].stat().st_mtime_ns == before


def test_trimmed_silence(tmp_path: Path, make_sound) -> None:
    # a tone is not speech: nothing is left
    item = Item("t", (AudioPart(make_sound(tmp_path / "a.wav", 2.0)),), "", is_trimmed=True)
    sound, seconds = prepare(item, tmp_path / "made")
    with wave.open(str(sound)) as file:
        assert file.getnframes() == round(seconds * 16_000)
    assert seconds < 2.0
    assert prepare(replace(item, is_trimmed=False), tmp_path / "made")[1] == pytest.approx(2.0)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SoundMissing, match="is not there"):
        prepare(Item("a", (AudioPart(tmp_path / "a.wav"),), ""), tmp_path)


@pytest.mark.parametrize("part", [{"start": -1.0}, {"start": 2.0, "end": 1.0}, {"gap": -1.0}])
def test_parts_are_checked(part) -> None:
    with pytest.raises(ValueError, match="part"):
        AudioPart(Path("a.wav"), **part)


def test_an_item_has_sound() -> None:
    with pytest.raises(ValueError, match="no sound"):
        Item("a", (), "")


def test_what_is_not_there_is_counted_before_anything_is_measured(tmp_path: Path) -> None:
    pointer = tmp_path / "pointer.mp3"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (tmp_path / "empty.mp3").touch()
    items = [
        Item(name, (AudioPart(tmp_path / f"{name}.mp3"),), "")
        for name in ("pointer", "empty", "absent")
    ]
    with pytest.raises(SoundMissing, match=r"3 of 3 recordings .*git lfs pull"):
        check_all(items)
    with pytest.raises(SoundMissing, match="is empty"):
        check_all(items[1:])
