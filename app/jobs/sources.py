"""Brings the sound of a job that names it instead of sending it: by https, or a file kept here.

How an address is fetched is transcription/sound_download.py's; here is where it may lie, and what
room there is. It decodes nothing.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.settings import Settings
from app.storage.batch_store import BatchStore
from app.storage.folders import Folders, JobFolder, create_private
from transcription.errors import AudioUnavailable
from transcription.outward import Reach, hosts_in
from transcription.sound_download import DownloadLimits, download, target_of

FILE_PREFIX = "file-"

Check = Callable[[], None]


def name_in(source: str) -> str:
    """What the sound at a URL is called."""
    return unquote(urlsplit(source).path.rpartition("/")[2])


class Sources:
    """Brings sound into the folders of jobs. Blocks."""

    def __init__(self, settings: Settings, store: BatchStore, folders: Folders) -> None:
        self._settings = settings
        self._store = store
        self._folders = folders
        self._limits = DownloadLimits(
            reach=Reach(hosts_in(settings.audio_hosts)),
            max_bytes=settings.max_upload_bytes,
            idle_seconds=settings.upload_idle_seconds,
        )

    def check(self, url: str) -> None:
        """Raise `AudioUnavailable` for an address that is not fetched from."""
        self._check_allowed()
        target_of(url, self._limits.reach)

    def _check_allowed(self) -> None:
        if not self._settings.audio_urls:
            raise AudioUnavailable(
                "Fetching audio by URL is turned off on this service (LONGFORM_AUDIO_URLS); upload "
                "it as a file and name that by file_id."
            )

    def bring(self, job_id: str, owner: str, folder: JobFolder, check: Check) -> int | None:
        """Put the sound of a job of a batch where its upload would be, unless it is there.

        Its bytes; None for a job whose sound was sent. `check` raises when the job is over. Raises
        `AudioUnavailable`, and `AudioTooLong` for more bytes than an upload may have.
        """
        request = self._store.find_request(job_id)
        if request is None:
            return None
        if not folder.upload.exists():
            part = folder.part
            folder.path.mkdir(mode=0o700, exist_ok=True)
            if request.source.startswith(FILE_PREFIX):
                self._link(request.source, owner, part)
            else:
                self._fetch(request.source, part, check)
            part.replace(folder.upload)
        return folder.upload.stat().st_size

    def _link(self, file_id: str, owner: str, target: Path) -> None:
        target.unlink(missing_ok=True)
        if self._store.find_file(file_id, owner) is None:
            raise AudioUnavailable(f"There is no file {file_id[:100]!r} any more.")
        try:
            os.link(self._folders.file(file_id), target)
        except FileNotFoundError as error:
            raise AudioUnavailable(f"There is no file {file_id[:100]!r} any more.") from error

    def _fetch(self, url: str, target: Path, check: Check) -> None:
        def go_on() -> None:
            check()
            if self._folders.free_bytes() < self._settings.min_free_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        self._check_allowed()
        download(url, partial(create_private, target), self._limits, go_on)
