"""A control group with a quota of processor time, as a container has one.

Linux alone has them, of two versions; this makes one below the group that it runs in, and removes
it again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from decoding.device.processors import GROUPS, OWN_GROUPS

PERIOD_MICROSECONDS: Final = 100_000
PATIENCE_SECONDS: Final = 5.0


class QuotaRefused(Exception):
    """No group with a quota can be made here; the message says why."""


class Quota:
    """A group; processes enter it by their id before they start threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def enter(self, pid: int) -> None:
        (self._folder / "cgroup.procs").write_text(str(pid), encoding="ascii")


@contextmanager
def quota(processors: int, *, groups: Path = GROUPS, own: Path = OWN_GROUPS) -> Iterator[Quota]:
    """A group that gets so many processors' time. Raises `QuotaRefused`.

    Whoever entered must have ended when the block does.
    """
    folder = _own_folder(groups, own) / f"longform-speed-{os.getpid()}-{processors}"
    try:
        folder.mkdir()
        try:
            _bound(folder, processors)
        except BaseException:
            folder.rmdir()
            raise
    except OSError as error:
        raise QuotaRefused(f"no control group can be made: {error.strerror or error}") from error
    try:
        yield Quota(folder)
    finally:
        _remove(folder)


def _own_folder(groups: Path, own: Path) -> Path:
    """Of the group in which this process is: version 1 has one for processor time, version 2 one
    for everything."""
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise QuotaRefused("there are no control groups") from error
    found = [line.split(":", 2) for line in lines]
    for wanted in ("cpu", ""):
        for _, controllers, path in found:
            if wanted in controllers.split(",") and (groups / controllers).is_dir():
                return groups / controllers / path.lstrip("/")
    raise QuotaRefused(f"no control group in {groups} bounds processor time")


def _bound(folder: Path, processors: int) -> None:
    quota_microseconds = processors * PERIOD_MICROSECONDS
    if (folder / "cpu.cfs_quota_us").exists():
        _write(folder / "cpu.cfs_period_us", f"{PERIOD_MICROSECONDS}")
        _write(folder / "cpu.cfs_quota_us", f"{quota_microseconds}")
    elif (folder / "cpu.max").exists():
        _write(folder / "cpu.max", f"{quota_microseconds} {PERIOD_MICROSECONDS}")
    else:
        raise OSError("it would have no quota of processor time")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")


def _remove(folder: Path) -> None:
    """The kernel takes a moment to let go of processes that have ended."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)
