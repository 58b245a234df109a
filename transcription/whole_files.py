"""Files of text that exist whole or not at all, and whether they can be written.

What is in them is not known here. A file on its way has a short name of its own, so that it fits
wherever the final one does.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Write `path` so that it never exists in part, and nothing else is left of a failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(path)
    try:
        with partial.open("x", encoding="utf-8") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Raise OSError where `path` could not be written: before work is put into what is in it.

    Makes its folder, and for a moment an empty file there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        path.lstat()  # refuses a name that is too long for its folder
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, where a transcript is to be written")
    probe = _beside(path)
    try:
        probe.touch(exist_ok=False)
    finally:
        probe.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{uuid.uuid4().hex[:12]}.partial")
