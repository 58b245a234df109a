"""Everything that a process makes last on disk, counted: files opened for writing, moved, removed
in its data folder, and commits of its databases. Each is a step before which a kill may come, or
which finds no room.

What an open file is given is not a step: the next one shows whether that was enough.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


class DurableSteps:
    """Calls `act` with the number of each step, from 1, before it is taken; what it raises is
    what the step comes to. One in a process: what listens cannot be taken away again."""

    def __init__(self, folder: Path, act: Callable[[int, str], None]) -> None:
        self.act = act
        self._folder = str(folder)
        self._lock = threading.Lock()
        self._count = 0
        sa.event.listen(sa.engine.Engine, "commit", lambda _connection: self._step("commit"))
        sys.addaudithook(self._hear)

    def reset(self, folder: Path | None = None) -> None:
        with self._lock:
            self._count = 0
            self._folder = str(folder or self._folder)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            is_step = bool(flags & WRITES) and self._is_ours(path)
        else:
            is_step = event in CHANGES and self._is_ours(arguments[0])
        if is_step:
            self._step(event)

    def _is_ours(self, path: object) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(
            self._folder
        )

    def _step(self, kind: str) -> None:
        with self._lock:
            self._count += 1
            number = self._count
        self.act(number, kind)
