"""What the system says of a process: memory, open files, threads, children."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MB = 1_000_000
KIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process, now; `peak_bytes` since it began or since `reset_peak`."""

    resident_bytes: int
    peak_bytes: int
    files: int
    threads: int
    children: int


def usage_of(pid: int) -> Usage:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return Usage(
        int(status["VmRSS"].split()[0]) * KIB,
        int(status["VmHWM"].split()[0]) * KIB,
        len(os.listdir(f"/proc/{pid}/fd")),
        int(status["Threads"]),
        len(children_of(pid)),
    )


def reset_peak(pid: int) -> None:
    """Let the peak begin anew at what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def children_of(pid: int) -> list[int]:
    """Of all its threads, some of which may end meanwhile."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def bytes_below(folder: Path) -> int:
    """Of all files, whoever removes some meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
