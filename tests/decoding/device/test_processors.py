import os
from pathlib import Path

import pytest

from decoding.device.processors import usable_processors

HERE = len(os.sched_getaffinity(0))


def usable(tmp_path: Path, own: str, files: dict[str, str], monkeypatch, count: int = 16) -> int:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(count)))
    for name, text in files.items():
        file = tmp_path / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "own").write_text(own)
    return usable_processors(tmp_path / "groups", tmp_path / "own")


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
        ("0::/\n", {"cpu.max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "350000 100000\n"}, 3),  # a fourth thread would only wait
        ("0::/\n", {"cpu.max": "20000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "6400000 100000\n"}, 16),
        # the least of its groups bounds a process
        ("0::/a/b\n", {"a/cpu.max": "400000 100000\n", "a/b/cpu.max": "max 100000\n"}, 4),
        ("0::/a/b\n", {"cpu.max": "300000 100000\n", "a/b/cpu.max": "800000 100000\n"}, 3),
        # version 1, beside other controllers, and as a container sees it
        ("4:cpu,cpuacct:/a\n2:memory:/a\n", {"cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n"}, 16),
        (
            "4:cpu,cpuacct:/docker/a\n",
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        ("3:cpuset:/\n", {"cpuset/cpu.max": "100000 100000\n"}, 16),
        ("0::/gone\n", {}, 16),
        ("0::/\n", {"cpu.max": "nonsense"}, 16),
    ],
)
def test_no_more_than_the_quota_pays_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, files: dict[str, str], expected: int
):
    assert usable(tmp_path, own, files, monkeypatch) == expected


def test_no_more_than_it_may_run_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert usable(tmp_path, "0::/\n", {"cpu.max": "400000 100000\n"}, monkeypatch, count=3) == 3


def test_a_system_without_control_groups(tmp_path: Path):
    assert usable_processors(tmp_path, tmp_path / "none") == HERE
