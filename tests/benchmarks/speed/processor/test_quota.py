"""Quotas in folders that look like control groups, and in a real one where it can be made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed.processor.quota import QuotaRefused, quota

USABLE = """
import sys
sys.stdin.readline()
from decoding.device.processors import usable_processors
print(usable_processors())
"""


def refused(groups: Path, own: Path) -> str:
    with pytest.raises(QuotaRefused) as told, quota(1, groups=groups, own=own):
        pass
    return str(told.value)


def test_what_cannot_be_made_says_why(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    assert "there are no control groups" in refused(tmp_path, own)
    own.write_text("4:memory:/a\n")
    assert "bounds processor time" in refused(tmp_path, own)
    own.write_text("4:memory:/a\n1:cpu,cpuacct:/inside\n0::/\n")
    (tmp_path / "cpu,cpuacct").mkdir()
    assert "no control group can be made: No such file" in refused(tmp_path, own)
    (tmp_path / "cpu,cpuacct" / "inside").mkdir()
    assert "no quota of processor time" in refused(tmp_path, own)
    assert list((tmp_path / "cpu,cpuacct" / "inside").iterdir()) == []


def test_version_two_has_one_group_for_everything(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/slice\n")
    (tmp_path / "slice").mkdir()
    assert "no quota of processor time" in refused(tmp_path, own)


def test_a_process_in_a_group_has_its_quota_alone() -> None:
    """In a real group of the kernel, of one processor."""
    try:
        with quota(1) as group:
            process = subprocess.Popen(
                [sys.executable, "-c", USABLE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            group.enter(process.pid)
            told, _ = process.communicate("go\n", timeout=60)
    except QuotaRefused as error:
        pytest.skip(str(error))
    assert told.strip() == "1"
