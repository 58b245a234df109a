"""A folder of this machine for what lies there for a while: fetched recordings, their samples.

There is one for each prefix, so that the next run finds and removes what a killed one left, and
that two runs on one machine do not write to the same prefix. On a cluster each actor has one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = "lock"


class WorkspaceInUse(Exception):
    """Another run works on the same prefix, or the folder is not ours; the message says which."""


@contextmanager
def workspace_for(prefix: str) -> Iterator[Path]:
    """The folder, empty, for as long as the block lasts. Raises `WorkspaceInUse`."""
    digest = hashlib.blake2b(prefix.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    path = Path(tempfile.gettempdir()) / f"longform-bulk-{os.geteuid()}-{digest}"
    _make(path)
    lock = FileLock(path / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise WorkspaceInUse(f"another run on this machine writes to {prefix}") from error
    try:
        _empty(path)
        yield path
    finally:
        _empty(path)
        lock.release()


def workspace_of_process() -> Path:
    """A folder of this process; those that killed ones left on this host are removed.

    Raises `WorkspaceInUse` where the folder of them all is not ours.
    """
    parent = Path(tempfile.gettempdir()) / f"longform-bulk-actors-{os.geteuid()}"
    _make(parent)
    for left in parent.iterdir():
        if not Path(f"/proc/{left.name}").exists():
            shutil.rmtree(left, ignore_errors=True)
    own = parent / f"{os.getpid()}"
    own.mkdir(exist_ok=True)
    return own


def _make(path: Path) -> None:
    """Others may write beside it: a link, or a folder of theirs, is not taken for ours."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError as error:
        found = path.lstat()
        if path.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise WorkspaceInUse(f"{path} is not a folder of ours; remove it") from error


def _empty(path: Path) -> None:
    for inside in path.iterdir():
        if inside.name == LOCK:
            continue
        if inside.is_dir() and not inside.is_symlink():
            shutil.rmtree(inside, ignore_errors=True)
        else:
            inside.unlink(missing_ok=True)
