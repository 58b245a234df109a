"""Where the service keeps things on disk: one folder per job, readable by the service alone.

Names are made here; no name that a client sent is ever a path.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from transcription.audio_cache import NOTE

MARK = "mark"
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
PROBE_BYTES = 64 << 10
START_BYTES = 1 << 20  # the database with its journal, before there is any job


def create_private(path: Path, *, buffering: int = -1) -> BinaryIO:
    """The file, empty, open for writing; the service alone may read it."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, PRIVATE_FILE)
    return os.fdopen(descriptor, "wb", buffering)


class FolderInUse(Exception):
    """Another service works in this data folder."""


class FolderUnusable(Exception):
    """The data folder cannot be made or written in; the message says what to do."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The files of one job. What is written while it runs has names of its `generation`: a service
    that lost the job and does not know it yet never writes into the files of the one that has it.
    """

    path: Path
    generation: int = 0

    @property
    def upload(self) -> Path:
        return self.path / "upload"

    @property
    def part(self) -> Path:
        """What was fetched so far of an upload that is fetched."""
        return self.path / f"upload{self._suffix}.part"

    @property
    def workspace(self) -> Path:
        return self.path / f"workspace{self._suffix}"

    @property
    def _suffix(self) -> str:
        return f".{self.generation}" if self.generation else ""

    def sound(self, channel: int | None) -> Path:
        """Decoded samples kept for clips, 16 kHz mono s16le."""
        return self.path / ("mix.pcm" if channel is None else f"channel-{channel}.pcm")

    def channels(self) -> list[Path]:
        """The sounds of a job whose channels were split."""
        return sorted(self.path.glob("channel-*.pcm"))

    def workspace_to_start_in(self) -> Path:
        """Empty, but for whole samples that were ingested before a crash, by whichever service."""
        for earlier in self._workspaces():
            if (earlier / NOTE).is_file():
                if not self.workspace.exists():
                    earlier.replace(self.workspace)
            else:
                shutil.rmtree(earlier, ignore_errors=True)
        self.workspace.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        return self.workspace

    def keep_sound(self, recordings: dict[int | None, Path]) -> None:
        """Put the decoded samples where clips look for them.

        The upload stays: until the result is stored, a crash makes the job start from it again.
        """
        if not recordings:  # silence: no window was ever asked for
            recordings = dict.fromkeys([None], next(self.workspace.glob("*.pcm"), Path()))
        for channel, samples in recordings.items():
            if samples.is_file():
                samples.replace(self.sound(channel))

    def drop_workspace(self) -> None:
        shutil.rmtree(self.workspace, ignore_errors=True)

    def _workspaces(self) -> list[Path]:
        """Those of every generation, the newest first."""
        found = self.path.glob("workspace*")
        return sorted(found, key=lambda path: int(path.suffix[1:] or 0), reverse=True)

    def drop_work(self) -> None:
        """Remove what a completed job no longer needs: its workspace and the upload."""
        for workspace in self._workspaces():
            shutil.rmtree(workspace, ignore_errors=True)
        self.upload.unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def prepare(root: Path) -> None:
    """Make the data folder where it is missing, and see that files can be made in it.

    Writes nothing into them: on a full disk a service must start. Raises `FolderUnusable`.
    """
    with _told(root):
        root.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass


@contextmanager
def _told(root: Path) -> Iterator[None]:
    """Whatever the disk refuses, as one sentence for who started the service."""
    try:
        yield
    except OSError as error:
        raise FolderUnusable(
            f"the data folder {root} cannot be used by uid {os.getuid()} ({error.strerror}: "
            f"{error.filename or root}): make it writable for that user, or name another by "
            "LONGFORM_DATA_DIR"
        ) from error


def room_lacking(root: Path) -> str | None:
    """What to do where the disk of the data folder has no room to start in; None where it has."""
    there = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    if shutil.disk_usage(there).free >= START_BYTES:
        return None
    return (
        f"the disk of {root} is full: nothing is lost; make room and start again, or name another "
        "folder by LONGFORM_DATA_DIR"
    )


class Folders:
    """The data folder, locked while this object lives: for itself, or with all that share it.

    Raises `FolderInUse`, `FolderUnusable`.
    """

    def __init__(self, root: Path, *, is_shared: bool = False) -> None:
        prepare(root)
        self.root = root
        self.jobs = root / "jobs"
        self.files = root / "files"
        with _told(root):
            self.jobs.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self.files.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self._lock = self._take_lock(fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)

    def mark(self) -> str:
        """What tells this folder from others: made once, by whoever asks first."""
        path = self.root / MARK
        with _told(self.root):
            if not path.exists():
                self._make_mark(path)
            return path.read_text(encoding="utf-8").strip()

    def _make_mark(self, path: Path) -> None:
        """All of it or nothing, and never a second one."""
        with tempfile.NamedTemporaryFile("w", dir=self.root) as draft, suppress(FileExistsError):
            draft.write(uuid.uuid4().hex)
            draft.flush()
            os.link(draft.name, path)

    def check_mark(self, agreed: str) -> None:
        """Raise `FolderUnusable` where the services that share a queue agreed on another folder."""
        if self.mark() != agreed:
            raise FolderUnusable(
                f"the other services of this database share another data folder than {self.root}: "
                "mount theirs there. If theirs is lost for good, write its mark, "
                f"{agreed}, into {self.root / MARK}: jobs whose sound lay in it will fail"
            )

    def file(self, file_id: str) -> Path:
        """Where the content of a file of the Files API lies."""
        return self.files / file_id

    def of(self, job_id: str, generation: int = 0) -> JobFolder:
        return JobFolder(self.jobs / job_id, generation)

    def names(self) -> list[str]:
        """The jobs that have a folder."""
        return [path.name for path in self.jobs.iterdir()]

    def check_writable(self) -> None:
        """Write a little where jobs write much. Raises `OSError` where that cannot be."""
        with tempfile.TemporaryFile(dir=self.root) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.jobs).free

    def close(self) -> None:
        self._lock.close()

    def _take_lock(self, kind: int) -> IO[str]:
        lock = os.fdopen(os.open(self.root / "lock", os.O_CREAT | os.O_RDWR, PRIVATE_FILE), "w")
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise FolderInUse(
                f"another service works in {self.root}; stop it, set LONGFORM_DATA_DIR, or let "
                "both share a queue (LONGFORM_SHARED_QUEUE)"
            ) from error
        return lock
