"""Whole files with the engine in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed.gpu_files import lines


@pytest.mark.slow
def test_files_alone_and_at_once(tmp_path: Path, make_sound) -> None:  # type: ignore[no-untyped-def]
    told = lines("demo", "cpu", make_sound(tmp_path / "one.wav"), 2)
    assert [line.partition(":")[0] for line in told] == ["- alone", "- alone", "- 2 at once"]
    assert all(" windows, " in line for line in told)
