from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets.types import DatasetMissing
from benchmarks.silence import NOISES, found_noises, made_noises


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def test_made_noises_are_the_same_each_time(tmp_path: Path) -> None:
    first = made_noises(tmp_path / "a", 0.05)
    second = made_noises(tmp_path / "b", 0.05)
    assert [item.name for item in first] == list(NOISES)
    for one, other in zip(first, second, strict=True):
        sound = samples(one.parts[0].path)
        assert one.reference == ""
        assert len(sound) == 48_000
        assert np.array_equal(sound, samples(other.parts[0].path))
        assert (one.name == "digital-silence") == (not sound.any())


def test_found_noises(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "esc" / "dog.wav")
    (item,) = found_noises(tmp_path)
    assert (item.name, item.reference) == ("esc/dog.wav", "")
    with pytest.raises(DatasetMissing):
        found_noises(tmp_path / "empty")
