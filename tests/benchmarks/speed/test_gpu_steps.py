"""What is measured of a card: how it is told, and what the rehearsal runs on a CPU."""

from __future__ import annotations

import pytest

from benchmarks.speed import correctness, gpu_steps, voice_activity
from benchmarks.speed.correctness import Graphs, TwoWays
from chunking.types import Span


def test_the_real_part_measures_what_the_goals_name() -> None:
    part = gpu_steps.full("cuda:0")
    assert part.sizes == ("turbo", "large-v3")
    assert part.tokens == 110
    assert set(gpu_steps.GOALS) == {"openai-whisper", "transformers", "ctranslate2"}
    assert part.flows == (("turbo", 32), ("large-v3", 64))


def test_all_steps_end_within_ten_minutes_and_have_names_of_their_own() -> None:
    """But for those against peers, of which each says how long it may take."""
    steps = list(gpu_steps.steps(gpu_steps.full("cuda:0")))
    assert len({step.name for step in steps}) == len(steps) == 10
    assert sum(step.seconds for step in steps if "speed" not in step.name) <= 600


def test_without_cuda_there_are_no_graphs() -> None:
    assert gpu_steps._graphs(gpu_steps.rehearsal("cpu")) == [
        "- there are no graphs on cpu: every step is plain"
    ]


def test_graphs_are_judged_at_fp32_and_their_absence_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def found(_model: str, _device: str, precision: str, windows: list[object]) -> Graphs:
        differing = {"fp32": 0, "fp16": 3, "bf16": 0}[precision]
        complaints = ("it cannot be",) if precision == "bf16" else ()
        return Graphs(TwoWays(precision, len(windows), 300, differing), complaints)

    monkeypatch.setattr(correctness, "graphs", found)
    assert gpu_steps._graphs(gpu_steps.full("cuda:0")) == [
        "- fp32, graphs against plain steps, 12 windows: 0 of 300 tokens differ (0.00%): good",
        "- fp16, graphs against plain steps, 12 windows: 3 of 300 tokens differ (1.00%)",
        "- bf16, graphs against plain steps, 12 windows: 0 of 300 tokens differ (0.00%)",
        "- bf16: it cannot be: NOT GOOD",
    ]


@pytest.mark.slow
def test_voice_activity_is_held_against_the_cpu_and_timed() -> None:
    correct, spans, speed = gpu_steps._voice_activity(gpu_steps.rehearsal("cpu"))
    assert correct.startswith("- probabilities of 1876 frames, asked of cpu, found on cpu,")
    assert correct.endswith(": good")
    assert spans.endswith(": good")
    assert "2 at once" in speed


def test_what_ran_elsewhere_or_heard_something_else_is_not_good() -> None:
    assert voice_activity.Agreement("cuda:0", "cuda:0", 938, 5e-5).holds
    assert not voice_activity.Agreement("cuda:0", "cpu", 938, 0.0).holds
    assert not voice_activity.Agreement("cuda:0", "cuda:0", 938, 2e-4).holds
    moved = [Span(0.0, 1.0), Span(2.032, 3.0)]
    furthest = voice_activity._furthest(moved, [Span(0.0, 1.0), Span(2.0, 3.0)])
    assert furthest == pytest.approx(0.032)
    assert voice_activity.Spans(2, 2, furthest).holds
    assert not voice_activity.Spans(2, 2, 0.1).holds
    assert voice_activity._furthest(moved, moved[:1]) is None
    assert not voice_activity.Spans(2, 1, None).holds
