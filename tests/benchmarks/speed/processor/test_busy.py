from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.speed.processor import busy
from benchmarks.speed.processor.busy import busy_processes


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_they_end_with_the_block_whatever_happens() -> None:
    seen: list[int] = []

    def measure_beside() -> None:
        with busy_processes(2) as pids:
            seen.extend(pids)
            assert all(map(is_there, pids))
            raise ValueError("measured")

    with pytest.raises(ValueError, match="measured"):
        measure_beside()
    assert len(set(seen)) == 2
    assert not any(map(is_there, seen))


def test_nobody_is_busy_where_none_is_asked_for() -> None:
    with busy_processes(0) as pids:
        assert pids == ()


def test_one_ends_by_itself_when_its_time_is_over() -> None:
    done = subprocess.run([sys.executable, "-c", busy.COUNTING, "0"], timeout=60, check=True)
    assert done.returncode == 0
