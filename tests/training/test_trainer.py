"""A run ends, repeats itself from its seed, goes on where it stopped, and sleeps when told to."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest
import torch

from training.curve import CurveLog, drawn_curve, read_curve
from training.export import read_checkpoint
from training.network import Shape, TrainedWhisper
from training.optimiser import Average, Rate
from training.stream import GROWING, Lengths, StreamOptions, lengths_at
from training.trainer import CURVE_FILE, PAUSE_FILE, STATE_FILE, Run, RunOptions

SMALL = Shape(width=48, layers=3, heads=2)
STREAM = StreamOptions(bank=8, renewed=1, audio_per_batch=6.0)


def options(folder: Path, seconds: float = 18.0, **more: object) -> RunOptions:
    hours = seconds / 3_600
    fields = {"shape": SMALL, "stream": STREAM, **more}
    return RunOptions(folder, hours, **fields)  # type: ignore[arg-type]


def weights(path: Path) -> dict[str, torch.Tensor]:
    checkpoint = read_checkpoint(path)
    return dict(checkpoint["model_state_dict"])


def test_a_run_from_scratch_ends_and_repeats_itself(tmp_path: Path) -> None:
    first = Run(options(tmp_path / "a")).train(lambda line: None)
    second = Run(options(tmp_path / "b")).train(lambda line: None)
    ours, theirs = weights(first), weights(second)
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=0)
    other = Run(options(tmp_path / "c", seed=1)).train(lambda line: None)
    assert any(not torch.equal(value, weights(other)[name]) for name, value in ours.items())


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    Run(options(tmp_path, seconds=12.0)).train(lambda line: None)
    longer = Run(options(tmp_path, seconds=70.0))
    assert 0.1 < longer.progress < 0.8
    longer.train(lambda line: None)
    state = torch.load(tmp_path / STATE_FILE, weights_only=True)
    step, audio, worked = state["position"]
    assert step >= 3
    assert audio >= 70.0
    assert worked > 0.0
    assert Run(options(tmp_path, seconds=70.0)).progress == 1.0


def test_a_run_that_was_stopped_goes_on_the_same_way_every_time(tmp_path: Path) -> None:
    Run(options(tmp_path / "a", seconds=12.0)).train(lambda line: None)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first, second = (
        weights(Run(options(tmp_path / name, seconds=24.0)).train(lambda line: None))
        for name in "ab"
    )
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)


def test_steps_after_the_last_checkpoint_leave_the_curve(tmp_path: Path) -> None:
    Run(options(tmp_path, seconds=12.0)).train(lambda line: None)
    step = torch.load(tmp_path / STATE_FILE, weights_only=True)["position"][0]
    curve = tmp_path / CURVE_FILE
    lines = [json.dumps({"step": number}) for number in (1, step, step + 1)]
    curve.write_text("\n".join([*lines, '{"step": 9']), "utf-8")
    Run(options(tmp_path, seconds=24.0))
    assert [line["step"] for line in read_curve(curve)] == [1, step]


def test_a_run_starts_from_a_checkpoint(tmp_path: Path) -> None:
    made = Run(options(tmp_path / "a")).train(lambda line: None)
    started = Run(options(tmp_path / "b", init=made))
    saved = weights(started.save())
    for name, value in weights(made).items():
        torch.testing.assert_close(saved[name], value, atol=2e-3, rtol=2e-3)


def test_a_pause_file_stops_the_work_until_it_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    pause = tmp_path / PAUSE_FILE
    pause.touch()
    run = Run(options(folder, seconds=3.0))
    thread = threading.Thread(target=run.train, args=(lambda line: None,))
    thread.start()
    time.sleep(1.0)
    assert run.progress == 0.0
    pause.unlink()
    thread.join(300)
    assert run.progress == 1.0


@pytest.mark.parametrize("wrong", [{"seconds": 0.0}, {"minutes": 0.0}])
def test_empty_runs_are_refused(wrong: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="above 0"):
        options(tmp_path, **wrong)


def test_the_rate_rises_holds_and_falls() -> None:
    rate = Rate(peak=1.0, decay=0.5)
    assert rate.at(0, 0.0) < 0.05
    assert rate.at(500, 0.4) == 1.0
    assert rate.at(500, 0.75) == pytest.approx(0.5)
    assert rate.at(500, 1.0) == pytest.approx(0.02)


def test_a_fresh_model_hears_short_windows_first() -> None:
    assert lengths_at(0.0, is_fresh=True) == GROWING[0][1]
    assert lengths_at(0.3, is_fresh=True) == GROWING[1][1]
    assert lengths_at(0.9, is_fresh=True) == lengths_at(0.0, is_fresh=False) == Lengths()


def test_the_average_follows_the_weights() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 2)
    average = Average(model)
    start = average.weights["weight"].clone()
    with torch.no_grad():
        model.weight += 1.0
    for step in range(50):
        average.update(model, step)
    torch.testing.assert_close(average.weights["weight"], start + 1.0, atol=0.01, rtol=0)


def test_curve_is_logged_and_drawn(tmp_path: Path) -> None:
    log = CurveLog(tmp_path / "curve.jsonl")
    for hour in range(3):
        log.note({"token_accuracy": 0.1 * hour, "phoneme_accuracy": float("nan")})
        log.note({"token_accuracy": 0.1 * hour + 0.2})
        log.write({"audio_hours": float(hour)})
    lines = read_curve(tmp_path / "curve.jsonl")
    assert [line["token_accuracy"] for line in lines] == [0.1, 0.2, 0.3]
    drawn = drawn_curve(lines)
    assert drawn.startswith("<svg")
    assert "token accuracy" in drawn
    assert "phoneme accuracy" not in drawn
    with pytest.raises(ValueError, match="nothing to draw"):
        drawn_curve([])


def test_first_weights_place_timestamps_like_frames() -> None:
    from training.vocabulary import vocabulary

    model = TrainedWhisper(SMALL, vocabulary())
    first = vocabulary().first_timestamp
    rows = torch.nn.functional.normalize(model.embedding[first : first + 1_500], dim=1)
    frames = torch.nn.functional.normalize(model.whisper.encoder.positional_embedding, dim=1)
    torch.testing.assert_close(rows, frames, atol=1e-4, rtol=0)
