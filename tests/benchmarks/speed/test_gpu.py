"""The GPU part's plumbing: every step leaves its lines, whatever becomes of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import correctness, gpu
from benchmarks.speed.correctness import Graphs, TwoWays


def test_a_step_that_fails_is_told_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_part: gpu.Part) -> list[str]:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(gpu, "_tokens", broken)
    monkeypatch.setattr(gpu, "_error_rates", lambda _part: ["- rates"])
    monkeypatch.setattr(gpu, "_batches", lambda _part: ["- batches"])
    monkeypatch.setattr(gpu, "_graphs", lambda _part: ["- graphs"])
    monkeypatch.setattr(gpu, "_speed", lambda _part, size, _cache: [f"- speed of {size}"])
    target = gpu.run("cpu", tmp_path, is_dry=True)
    text = target.read_text()
    assert "DID NOT FINISH: RuntimeError: no kernel image" in text
    assert all(
        line in text for line in ("- rates", "- batches", "- graphs", "- speed of toy", "- torch: ")
    )
    assert target.parent == tmp_path


def test_the_real_part_measures_what_the_goals_name() -> None:
    part = gpu.full("cuda:0")
    assert part.sizes == ("turbo", "large-v3")
    assert part.tokens == 110
    assert set(gpu.GOALS) == {"openai-whisper", "transformers", "ctranslate2"}


def test_without_cuda_there_are_no_graphs() -> None:
    assert gpu._graphs(gpu.rehearsal("cpu")) == [
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
    assert gpu._graphs(gpu.full("cuda:0")) == [
        "- fp32, graphs against plain steps, 12 windows: 0 of 300 tokens differ (0.00%): good",
        "- fp16, graphs against plain steps, 12 windows: 3 of 300 tokens differ (1.00%)",
        "- bf16, graphs against plain steps, 12 windows: 0 of 300 tokens differ (0.00%)",
        "- bf16: it cannot be: NOT GOOD",
    ]
