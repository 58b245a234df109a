"""What is asked of openai-whisper, and that its answers are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import whisper

from benchmarks.sound import write_wave
from benchmarks.speed.correctness import OPTIONS, equality_of_jobs
from benchmarks.speed.reference import Answer, Reference
from benchmarks.speed.sizes import random_checkpoint
from benchmarks.speed.systems import sound

# openai-whisper sorts tensors with numpy, which NumPy 2 deplores
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]
SHORT = replace(OPTIONS, sample_len=4)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return str(random_checkpoint("toy", tmp_path_factory.mktemp("toy")))


@pytest.fixture(scope="module")
def window():
    return sound.windows(1)[0]


def no_loading(*_, **__):
    raise AssertionError("openai-whisper was asked again")


def test_an_answer_is_kept(toy, window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "made" / "answers.jsonl"
    first = Reference(toy, "cpu", kept).decode(window, SHORT)
    assert len(first.tokens) == 4
    monkeypatch.setattr(whisper, "load_model", no_loading)
    again = Reference(toy, "cpu", kept)
    assert again.decode(window, SHORT) == first
    others = [
        (window, replace(SHORT, prompt="Another")),
        (window, replace(SHORT, language="de")),
        (window[:-1], SHORT),
    ]
    for samples, options in others:
        with pytest.raises(AssertionError, match="asked again"):
            again.decode(samples, options)


def test_a_line_that_was_cut_off_is_asked_for_again(toy, window, tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    first = Reference(toy, "cpu", kept).decode(window, SHORT)
    line = kept.read_text(encoding="utf-8")
    kept.write_text(line[: len(line) // 2] + "\n", encoding="utf-8")
    assert Reference(toy, "cpu", kept).decode(window, SHORT) == first
    assert kept.read_text(encoding="utf-8").endswith(line)


def test_a_language_is_detected_by_both(toy, window) -> None:
    job = (window, replace(SHORT, language=None))
    found = equality_of_jobs(toy, "cpu", [job], Reference(toy, "cpu"))
    assert (found.equal, found.differing) == (1, ())


class Changed(Reference):
    """openai-whisper, but for the last token of one of its answers."""

    def __init__(self, model: str, length: int) -> None:
        super().__init__(model, "cpu")
        self._length = length

    def decode(self, samples, options) -> Answer:
        found = super().decode(samples, options)
        if len(samples) != self._length:
            return found
        return replace(found, tokens=(*found.tokens[:-1], 0), avg_logprob=found.avg_logprob - 1)


def test_windows_that_differ_are_named(toy, window) -> None:
    jobs = [(window, SHORT), (window[: 16_000 * 20], SHORT), (window[: 16_000 * 10], SHORT)]
    found = equality_of_jobs(toy, "cpu", jobs, Changed(toy, 16_000 * 20))
    assert (found.windows, found.equal, found.near_ties, found.differing) == (3, 2, 0, (1,))
    assert found.largest_score_difference == pytest.approx(1, abs=1e-3)
    assert not found.holds


def test_folders_are_cut_into_windows(tmp_path: Path) -> None:
    tone = (1000 * np.sin(np.arange(16_000 * 61) * 0.05)).astype(np.int16)
    (tmp_path / "inner").mkdir()
    write_wave(tmp_path / "inner" / "long.wav", tone[: 16_000 * 61 - 1])
    write_wave(tmp_path / "short.wav", tone[:8000])
    (tmp_path / "text.txt").write_text("no sound", encoding="utf-8")
    found = sound.windows_below([tmp_path])
    lengths = {Path(name).name: len(samples) for name, samples in found.items()}
    assert lengths == {
        "long.wav at 0 s": 480_000,
        "long.wav at 30 s": 480_000,
        "short.wav at 0 s": 8000,
    }
    assert list(sound.windows_below([tmp_path], 2)) == list(found)[::2]
    with pytest.raises(ValueError, match="no sound in"):
        sound.windows_below([tmp_path / "text.txt"])
