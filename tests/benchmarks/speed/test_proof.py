"""The proof of equality at toy size, and that it can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.speed import correctness, proof
from benchmarks.speed.correctness import PROMPT, Company, Equality, Jobs
from benchmarks.speed.reference import Reference
from benchmarks.speed.search_equality import SearchEquality
from benchmarks.speed.sizes import random_checkpoint
from benchmarks.speed.systems import sound
from tests.benchmarks.conftest import MakeSound

# openai-whisper sorts tensors with numpy, which NumPy 2 deplores
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")

GOOD = Equality(windows=4, equal=4, near_ties=0, tokens=99, largest_score_difference=1e-6)


def test_equality_holds_with_near_ties_and_close_scores_alone() -> None:
    assert GOOD.holds
    assert replace(GOOD, equal=3, near_ties=1).holds
    assert not replace(GOOD, equal=3).holds
    assert not replace(GOOD, largest_score_difference=2e-4).holds


def test_company_holds_when_all_are_the_same() -> None:
    assert Company("fp32", 3, 3).holds
    assert not Company("fp32", 3, 2).holds


def test_parts_that_do_not_hold_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(proof, "compare_many", lambda cases: SearchEquality(cases, cases - 1, 0.0))
    monkeypatch.setattr(correctness, "equality", lambda *_: GOOD)
    assert proof.prove(("search", "speech"), None, cases=7) == ["search"]
    told = capsys.readouterr().err
    assert "6 of 7" in told
    assert told.count(": holds") == 2
    assert told.count("DOES NOT HOLD") == 1


def test_unknown_part() -> None:
    with pytest.raises(ValueError, match="no part is called 'everything'"):
        proof.prove(("search", "everything"), None)


def test_real_speech_is_told_with_what_differs(
    make_sound: MakeSound,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    def equality(model: str, device: str, jobs: Jobs, reference: Reference) -> Equality:
        asked.extend(options for _, options in jobs)
        return replace(GOOD, equal=3, differing=(1,))

    monkeypatch.setattr(correctness, "equality_of_jobs", equality)
    for name in ("a.wav", "b.wav", "c.wav"):
        make_sound(tmp_path / name, 2.0)
    speech = proof.RealSpeech("demo", (tmp_path,))
    assert proof.prove(("real",), tmp_path, speech=lambda: speech) == ["real"]
    told = capsys.readouterr().err.replace("\n", "")
    assert "3 of 4 windows" in told
    assert f"differs: {tmp_path / 'b.wav'} at 0 s" in told
    assert [one.prompt for one in asked] == [None, PROMPT, None]
    assert {one.language for one in asked} == {None}


def test_real_speech_must_be_given() -> None:
    with pytest.raises(ValueError, match="--sound FOLDER"):
        proof.RealSpeech("base", ())
    with pytest.raises(ValueError, match="no part is called 'real'"):
        proof.prove(("real",), None)


def test_spread_windows_are_whole_and_different() -> None:
    windows = sound.spread_windows(20)
    assert {len(one) for one in windows} == {480_000}
    assert len({one.tobytes() for one in windows}) == 20


@pytest.mark.slow
def test_toy_model_decodes_as_openai_whisper(tmp_path: Path) -> None:
    checkpoint = str(random_checkpoint("toy", tmp_path))
    windows = sound.spread_windows(2)
    found = correctness.equality(checkpoint, "cpu", windows, (None, PROMPT), most_tokens=6)
    assert found.holds
    assert found.windows == 2


@pytest.mark.slow
def test_company_changes_nothing(tmp_path: Path) -> None:
    checkpoint = str(random_checkpoint("toy", tmp_path))
    found = correctness.company(checkpoint, "cpu", "fp32", sound.spread_windows(4))
    assert (found.windows, found.same) == (4, 4)
