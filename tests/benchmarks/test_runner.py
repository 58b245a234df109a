"""Real workers in real processes against a small real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.items import AudioPart, Item
from benchmarks.peers.types import PeerSpec
from benchmarks.runner import Runner, RunProgress, folder_name


class Watch(RunProgress):
    def __init__(self) -> None:
        self.begun: list[str] = []
        self.errors: list[str | None] = []
        self.messages: list[str] = []

    def started(self, system: str, item: str) -> None:
        self.begun.append(item)

    def done(self, system: str, item: str, error: str | None) -> None:
        self.errors.append(error)

    def failed(self, system: str, message: str) -> None:
        self.messages.append(message)


@pytest.fixture
def items(tmp_path: Path, make_sound) -> list[Item]:
    return [
        Item(name, (AudioPart(make_sound(tmp_path / f"{name}.wav")),), "hello world")
        for name in ("one", "broken", "two")
    ]


def test_moved_windows_are_another_measurement(items, tmp_path: Path) -> None:
    runner = Runner(items, tmp_path / "run")
    moved = PeerSpec(phase=4.0)
    assert (runner.finished(PeerSpec()).phase, runner.finished(moved).phase) == (0.0, 4.0)
    assert folder_name(moved) != folder_name(PeerSpec())


def test_interrupted_run_goes_on_where_it_stopped(items, tmp_path: Path, speech_server) -> None:
    spec = PeerSpec(speech_server, model="any")
    first = Watch()
    whole, part = [items[0], items[2]], [items[0]]
    Runner(part, tmp_path / "run", progress=first, warm_up=False).run(spec)
    second = Watch()
    runner = Runner(whole, tmp_path / "run", progress=second, warm_up=False)
    assert runner.pending(spec) == 1
    record = runner.run(spec)
    assert (first.begun, second.begun) == (["one"], ["two"])
    assert [file.item.name for file in record.files] == ["one", "two"]
    assert record.files[0].heard is not None
    assert record.files[0].heard.text == "hello there world"
    assert record.files[0].duration == pytest.approx(0.5)
    assert record.files[0].seconds > 0
    assert record.files[0].memory_bytes > 1e6
    assert record.settings == {"model": "any", "address": speech_server}
    assert "httpx" in record.versions
    assert runner.finished(spec) == record
    unheard = Runner(items, tmp_path / "run").finished(spec).files[1]
    assert unheard.error == "not measured: the recogniser did not run"


def test_a_recording_that_fails_is_named_and_tried_again(items, tmp_path, speech_server) -> None:
    watch = Watch()
    runner = Runner(items, tmp_path / "run", ("cpu", "cpu"), progress=watch)
    record = runner.run(PeerSpec(speech_server))
    assert sorted(watch.begun) == ["broken", "one", "two"]
    assert record.files[1].error is not None
    assert "HTTP 400" in record.files[1].error
    assert record.files[2].heard is not None
    assert runner.pending(PeerSpec(speech_server)) == 1


def test_a_recogniser_that_cannot_be_opened(items, tmp_path: Path) -> None:
    watch = Watch()
    spec = PeerSpec("http://127.0.0.1:9/v1")
    record = Runner(items, tmp_path / "run", progress=watch).run(spec)
    assert "nothing answers" in watch.messages[0]
    assert all(file.error for file in record.files)


def test_a_worker_that_dies(items, tmp_path: Path) -> None:
    watch = Watch()
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nread job\necho out of memory >&2\nexit 137\n")
    dying.chmod(0o755)
    runner = Runner(items, tmp_path / "run", progress=watch, python=str(dying))
    record = runner.run(PeerSpec())
    assert watch.messages == ["its process ended with 137: out of memory"]
    assert all(file.error for file in record.files)


def test_half_written_result_is_measured_again(items, tmp_path: Path, speech_server) -> None:
    runner = Runner(items[:1], tmp_path / "run", warm_up=False)
    spec = PeerSpec(speech_server)
    runner.run(spec)
    (result,) = (tmp_path / "run/systems" / folder_name(spec)).glob("one-*.json")
    result.write_text(result.read_text()[:40])
    assert runner.pending(spec) == 1
    runner.run(spec)
    assert json.loads(result.read_text())["error"] is None


def test_settings_that_change_the_outcome_change_the_folder() -> None:
    base = folder_name(PeerSpec())
    assert folder_name(PeerSpec(beam_size=1)) != base
    assert folder_name(PeerSpec(api_key="x")) == base
    cuda = folder_name(PeerSpec(device="cuda:1"))
    assert folder_name(PeerSpec(device="cuda:0")) == cuda != base


def test_other_weights_and_other_sound_are_measured_anew(items, tmp_path, speech_server) -> None:
    weights = tmp_path / "model.pt"
    weights.write_bytes(b"old")
    spec = PeerSpec(speech_server, model=str(weights))
    runner = Runner(items[:1], tmp_path / "run", warm_up=False)
    runner.run(spec)
    assert runner.pending(spec) == 0
    weights.write_bytes(b"new")
    assert runner.pending(spec) == 1
    weights.write_bytes(b"old")
    assert runner.pending(spec) == 0
    with items[0].parts[0].path.open("ab") as sound:
        sound.write(bytes(100))
    assert runner.pending(spec) == 1
