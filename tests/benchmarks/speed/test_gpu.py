"""The GPU part's plumbing: every step leaves its lines, whatever becomes of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import gpu, listening
from chunking.types import Span


def test_a_step_that_fails_is_told_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_part: gpu.Part) -> list[str]:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(gpu, "_tokens", broken)
    monkeypatch.setattr(gpu, "_error_rates", lambda _part: ["- rates"])
    monkeypatch.setattr(gpu, "_batches", lambda _part: ["- batches"])
    monkeypatch.setattr(gpu, "_listening", lambda _part: ["- listening"])
    monkeypatch.setattr(gpu, "_speed", lambda _part, size, _cache: [f"- speed of {size}"])
    target = gpu.run("cpu", tmp_path, is_dry=True)
    text = target.read_text()
    assert "DID NOT FINISH: RuntimeError: no kernel image" in text
    assert all(
        line in text
        for line in ("- rates", "- batches", "- listening", "- speed of toy", "- torch: ")
    )
    assert target.parent == tmp_path


def test_the_real_part_measures_what_the_goals_name() -> None:
    part = gpu.full("cuda:0")
    assert part.sizes == ("turbo", "large-v3")
    assert part.tokens == 110
    assert set(gpu.GOALS) == {"openai-whisper", "transformers", "ctranslate2"}


@pytest.mark.slow
def test_voice_activity_is_held_against_the_cpu_and_timed() -> None:
    correct, spans, speed = gpu._listening(gpu.rehearsal("cpu"))
    assert correct.startswith("- probabilities of 1876 frames, asked of cpu, found on cpu,")
    assert correct.endswith(": good")
    assert spans.endswith(": good")
    assert "2 at once" in speed


def test_what_ran_elsewhere_or_heard_something_else_is_not_good() -> None:
    assert listening.Agreement("cuda:0", "cuda:0", 938, 5e-5).holds
    assert not listening.Agreement("cuda:0", "cpu", 938, 0.0).holds
    assert not listening.Agreement("cuda:0", "cuda:0", 938, 2e-4).holds
    moved = [Span(0.0, 1.0), Span(2.032, 3.0)]
    furthest = listening._furthest(moved, [Span(0.0, 1.0), Span(2.0, 3.0)])
    assert furthest == pytest.approx(0.032)
    assert listening.Spans(2, 2, furthest).holds
    assert not listening.Spans(2, 2, 0.1).holds
    assert listening._furthest(moved, moved[:1]) is None
    assert not listening.Spans(2, 1, None).holds
