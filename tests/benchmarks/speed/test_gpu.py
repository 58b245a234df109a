"""The GPU part's plumbing: every step leaves its lines, whatever becomes of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import gpu
from benchmarks.speed.gpu_steps import Step
from benchmarks.worker_process import WorkFailed


def test_a_step_that_fails_is_told_and_the_others_run(tmp_path: Path) -> None:
    def do(step: Step) -> list[str]:
        if step.name == "tokens":
            raise WorkFailed("RuntimeError: no kernel image")
        return [f"- {step.name} done"]

    target = gpu.run("cpu", tmp_path, is_dry=True, do=do)
    text = target.read_text()
    assert "- DID NOT FINISH: RuntimeError: no kernel image" in text
    names = ("graphs", "alone", "errors", "speech", "flow-toy-2", "files", "speed-toy")
    assert all(f"- {name} done" in text for name in names)
    assert "- torch: " in text
    assert target.parent == tmp_path


def test_what_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was done is told as it was, what was not is done, and what failed is tried again."""
    asked: list[str] = []

    def first(step: Step) -> list[str]:
        if step.name == "alone":
            raise WorkFailed("it gave nothing for 40 s")
        if step.name == "files":
            raise KeyboardInterrupt
        return [f"- {step.name} done first"]

    def again(step: Step) -> list[str]:
        asked.append(step.name)
        return [f"- {step.name} done again"]

    with pytest.raises(KeyboardInterrupt):
        gpu.run("cpu", tmp_path, is_dry=True, do=first)
    text = gpu.run("cpu", tmp_path, is_dry=True, do=again).read_text()
    assert asked == ["alone", "files", "speed-toy"]
    assert "- tokens done first" in text
    assert "- alone done again" in text
    assert "DID NOT FINISH" not in text


def test_a_step_is_ended_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its own process, however it is busy: here it has not even loaded what it imports."""
    monkeypatch.setattr(gpu, "LOADING_SECONDS", 0.0)
    step = Step("tokens", "Correctness: tokens", 0.05, lambda _part: [])
    with pytest.raises(WorkFailed, match="it gave nothing for"):
        gpu._apart(step, gpu.rehearsal("cpu", str(tmp_path)), is_dry=True)


@pytest.mark.slow
def test_a_step_is_done_in_a_process_of_its_own(tmp_path: Path) -> None:
    part = gpu.rehearsal("cpu", str(tmp_path))
    (step,) = (one for one in gpu.steps(part) if one.name == "graphs")
    told = gpu._apart(step, part, is_dry=True)
    assert told == ["- there are no graphs on cpu: every step is plain"]
