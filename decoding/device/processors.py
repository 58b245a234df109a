"""How many processors this process can keep busy.

A container is bounded by a quota of processor time, not by a number of processors: PyTorch starts a
thread for each one that it sees, and a quota for fewer then stops them all for most of the time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def usable_processors(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> int:
    """Those it may run on, and of these as many as its control groups' quotas pay for wholly; at
    least 1. Quotas as in the kernel's cgroup-v2.rst (`cpu.max`) and sched-bwc.rst (version 1)."""
    may_run_on = getattr(os, "sched_getaffinity", None)
    count = len(may_run_on(0)) if may_run_on else os.cpu_count() or 1
    for folder in _folders(groups, own):
        quota, period = _quota_of(folder)
        if quota > 0 and period > 0:
            count = min(count, math.floor(quota / period))
    return max(count, 1)


def _folders(groups: Path, own: Path) -> Iterator[Path]:
    """Of every control group that this process is in and that may bound its processor time. Inside
    a container its own group is usually the root of what can be seen."""
    for line in _read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / controllers
        inside = PurePosixPath(path.lstrip("/"))
        yield from (root / folder for folder in (inside, *inside.parents))


def _quota_of(folder: Path) -> tuple[int, int]:
    """Microseconds of processor time in so many microseconds; (0, 0) without a bound."""
    told = _read(folder / "cpu.max") or " ".join(
        _read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")
    )
    quota, _, period = told.strip().partition(" ")
    return (int(quota), int(period)) if quota.isdigit() and period.isdigit() else (0, 0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
