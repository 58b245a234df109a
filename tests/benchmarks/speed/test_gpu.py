"""The GPU part's plumbing: every step leaves its lines, whatever becomes of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import gpu


def test_a_step_that_fails_is_told_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_part: gpu.Part) -> list[str]:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(gpu, "_tokens", broken)
    monkeypatch.setattr(gpu, "_error_rates", lambda _part: ["- rates"])
    monkeypatch.setattr(gpu, "_batches", lambda _part: ["- batches"])
    monkeypatch.setattr(gpu, "_speed", lambda _part, size, _cache: [f"- speed of {size}"])
    target = gpu.run("cpu", tmp_path, is_dry=True)
    text = target.read_text()
    assert "DID NOT FINISH: RuntimeError: no kernel image" in text
    assert all(line in text for line in ("- rates", "- batches", "- speed of toy", "- torch: "))
    assert target.parent == tmp_path


def test_the_real_part_measures_what_the_goals_name() -> None:
    part = gpu.full("cuda:0")
    assert part.sizes == ("turbo", "large-v3")
    assert part.tokens == 110
    assert set(gpu.GOALS) == {"openai-whisper", "transformers", "ctranslate2"}
