"""The commands of `python -m training`, run as a user runs them."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from training import __main__ as commands
from training.__main__ import app
from training.demonstration import Speech, write_speech
from training.recordings import RecordingPlan, record
from training.sets import SETS, SetPlan
from training.stream import StreamOptions
from transcription.models import DEMO_CHECKPOINT

runner = CliRunner()


def run(*arguments: object) -> str:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: object) -> str:
    """What the command says when it cannot do what it is asked, without the frame around it."""
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    return " ".join(result.output.replace("│", " ").split())


@pytest.fixture
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of two sentences in the place of a thousand words."""
    short = {name: SetPlan(plan.seed, plan.voices, 0.0, 9) for name, plan in SETS.items()}
    monkeypatch.setattr("training.evaluation.SETS", short)
    monkeypatch.setattr(
        "training.evaluation.RECORDINGS", {"meeting": RecordingPlan(3, 0.15, ("en-us+m3",))}
    )


def test_compact_and_expand_undo_each_other(tmp_path: Path) -> None:
    large, small = tmp_path / "large.pt", tmp_path / "small.pt"
    run("expand", DEMO_CHECKPOINT, large)
    run("compact", large, small)
    assert small.stat().st_size < large.stat().st_size / 2
    assert torch.load(small, weights_only=True)["format"] == "whisper-longform-compact-1"


def test_recordings_are_written_with_their_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = {"short": RecordingPlan(3, 0.1, ("en-us",))}
    monkeypatch.setattr(commands, "RECORDINGS", plans)
    monkeypatch.setattr(commands, "DIGESTS", {"short": record(plans["short"]).digest})
    assert "as published" in run("recordings", "--output", tmp_path)
    assert (tmp_path / "short.opus").exists()
    assert json.loads((tmp_path / "short.json").read_text("utf-8"))["sentences"]


def test_recordings_other_than_the_published_ones_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "RECORDINGS", {"short": RecordingPlan(3, 0.1, ("en-us",))})
    monkeypatch.setattr(commands, "DIGESTS", {"short": "0" * 64})
    result = runner.invoke(app, ["recordings", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "NOT as published" in result.output


def test_further_speech_is_made(tmp_path: Path) -> None:
    run("speech", "--hours", 0.005, "--minutes", 0.2, "--output", tmp_path, "--suffix", ".wav")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"speech-000{n}.{kind}" for n in (1, 2) for kind in ("json", "wav")]


def test_demo_trains_and_the_curve_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "StreamOptions", partial(StreamOptions, bank=12, renewed=1))
    folder = tmp_path / "run"
    output = run(
        "demo", "--hours-of-audio", 0.0008, "--init", DEMO_CHECKPOINT, "--output", folder,
        "--audio-per-step", 6,
    )  # fmt: skip
    assert output.strip().endswith("demo.pt")
    (folder / "curve.jsonl").write_text('{"audio_hours": 1.0, "token_accuracy": 0.5}\n', "utf-8")
    run("plot", folder / "curve.jsonl", tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").read_text("utf-8").startswith("<svg")


@pytest.mark.usefixtures("few_words")
def test_the_beginning_of_a_set_can_be_measured() -> None:
    assert "sentences: 1," in run("evaluate", "--set", "trained-template", "--words", 2)


@pytest.mark.usefixtures("few_words")
def test_evaluation_adds_to_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text('{"kept": 1}', "utf-8")
    output = run("evaluate", "--set", "trained-template", "--set", "meeting", "--output", report)
    told = json.loads(report.read_text("utf-8"))
    assert told["kept"] == 1
    assert told["trained-template"]["words"] >= 9
    assert told["trained-template"]["measured"]["threads"] >= 1
    assert told["meeting"]["word_times"]["start_median"] < 1.0
    assert "wer" in output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["evaluate", "--set", "nothing"], "no set is called nothing"),
        (["evaluate", "--set", "meeting", "--model", "none.pt"], "cannot be read"),
        (["demo", "--hours-of-audio", "1", "--init", "none.pt"], "cannot be read"),
        (["finetune-demo", "--model", "none.pt"], "cannot be read"),
        (["recordings", "--name", "nothing"], "no recording is called nothing"),
    ],
)
def test_what_does_not_exist_is_named(
    arguments: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = [] if arguments[0] == "evaluate" else ["--output", "out"]
    assert reason in refused(*arguments, *output)


@pytest.mark.parametrize("how", [["--lora"], []])
def test_finetune_tells_how_to_use_its_result(how: list[str], tmp_path: Path) -> None:
    manifest = write_speech(tmp_path, "train", 3, "training", Speech())
    output = run(
        "finetune", "--base", "demo", "--manifest", manifest, "--output", tmp_path / "out",
        "--epochs", 1, "--threads", 1, *how,
    )  # fmt: skip
    assert "LONGFORM_MODEL=" in output
    assert "validation WER" in output
    made = {path.name for path in (tmp_path / "out").iterdir()}
    wanted = {"adapter_config.json", "adapter_model.safetensors"} if how else {"model.pt"}
    assert made == wanted


def test_finetune_names_what_is_wrong(tmp_path: Path) -> None:
    arguments = ["finetune", "--base", "demo", "--output", tmp_path]
    missing = refused(*arguments, "--manifest", tmp_path / "none.jsonl")
    assert "cannot read the manifest" in missing
    alone = write_speech(tmp_path, "train", 1, "training", Speech())
    assert "one example cannot be learnt from" in refused(*arguments, "--manifest", alone)


def test_finetune_says_when_nothing_got_better(tmp_path: Path) -> None:
    manifest = write_speech(tmp_path, "train", 3, "training", Speech())
    output = run(
        "finetune", "--base", "demo", "--manifest", manifest, "--output", tmp_path / "out",
        "--epochs", 1, "--threads", 1, "--rate", 1e-12,
    )  # fmt: skip
    assert "no epoch was better than the base" in output
    assert (tmp_path / "out" / "model.pt").exists()


@pytest.mark.usefixtures("few_words")
def test_demonstration_measures_before_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "Speech", lambda: Speech(training=3, validation=1))
    monkeypatch.setattr(commands, "DEMO_EPOCHS", 1)
    output = run("finetune-demo", "--output", tmp_path, "--threads", 1)
    assert "held-out-template: WER" in output
    told = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert told["before"]["digest"] == told["after"]["digest"]
    assert told["measured"]["processor_seconds"] > 0
