"""Brings the sound of a job that names it instead of sending it: by https, or a file kept here.

Requests go out for a stranger: public addresses alone (app/jobs/outward.py), each redirect judged
anew, no credentials, bounded in bytes and in patience. It decodes nothing.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from app.jobs.outward import InwardAddress, Target, hosts_in, resolve
from app.settings import Settings
from app.storage.batch_store import BatchStore
from app.storage.folders import Folders, JobFolder, create_private
from transcription.errors import AudioTooLong, TranscriptionError

FILE_PREFIX = "file-"
WHAT = "the audio"
MOST_REDIRECTS = 5
TRIES = 3
PAUSE_SECONDS = 1.0
CONNECT_SECONDS = 10.0
BLOCK_BYTES = 1 << 20

Check = Callable[[], None]


class SourceUnavailable(TranscriptionError):
    """The sound could not be fetched from where it is said to be."""

    code = "audio_unavailable"


class _Passing(Exception):
    """It may work in a moment."""


def name_in(source: str) -> str:
    """What the sound at a URL is called."""
    return unquote(urlsplit(source).path.rpartition("/")[2])


class Sources:
    """Brings sound into the folders of jobs. Blocks."""

    def __init__(self, settings: Settings, store: BatchStore, folders: Folders) -> None:
        self._settings = settings
        self._store = store
        self._folders = folders
        self._inward = hosts_in(settings.audio_hosts)

    def check(self, url: str) -> None:
        """Raise `SourceUnavailable` for an address that is not fetched from."""
        self._target(url)

    def _target(self, url: str) -> Target:
        if not self._settings.audio_urls:
            raise SourceUnavailable(
                "Fetching audio by URL is turned off on this service (LONGFORM_AUDIO_URLS); upload "
                "it as a file and name that by file_id."
            )
        try:
            return resolve(url, self._inward, what=WHAT)
        except (InwardAddress, OSError) as error:
            raise SourceUnavailable(f"{error}.") from error

    def bring(self, job_id: str, owner: str, folder: JobFolder, check: Check) -> int | None:
        """Put the sound of a job of a batch where its upload would be, unless it is there.

        Its bytes; None for a job whose sound was sent. `check` raises when the job is over. Raises
        `SourceUnavailable`, and `AudioTooLong` for more bytes than an upload may have.
        """
        request = self._store.find_request(job_id)
        if request is None:
            return None
        if not folder.upload.exists():
            part = folder.upload.with_suffix(".part")
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
            raise SourceUnavailable(f"There is no file {file_id[:100]!r} any more.")
        try:
            os.link(self._folders.file(file_id), target)
        except FileNotFoundError as error:
            raise SourceUnavailable(f"There is no file {file_id[:100]!r} any more.") from error

    def _fetch(self, url: str, target: Path, check: Check) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                self._fetch_once(url, target, check)
            except (_Passing, httpx.TransportError) as error:
                if attempt == TRIES:
                    raise SourceUnavailable(f"The audio could not be fetched: {error}.") from error
                check()
                time.sleep(PAUSE_SECONDS * attempt)
            else:
                return

    def _fetch_once(self, url: str, target: Path, check: Check) -> None:
        timeout = httpx.Timeout(self._settings.upload_idle_seconds, connect=CONNECT_SECONDS)
        with httpx.Client(timeout=timeout, trust_env=False) as client:
            for _ in range(MOST_REDIRECTS):
                request = self._target(url).request(client, "GET")
                answer = client.send(request, stream=True)
                try:
                    if not answer.has_redirect_location:
                        self._keep(answer, target, check)
                        return
                    url = urljoin(url, answer.headers["location"])
                finally:
                    answer.close()
        raise SourceUnavailable("The audio's address redirects too often.")

    def _keep(self, answer: httpx.Response, target: Path, check: Check) -> None:
        code = answer.status_code
        if answer.is_server_error or code == httpx.codes.TOO_MANY_REQUESTS:
            raise _Passing(f"its server answered {code}")
        if not answer.is_success:
            raise SourceUnavailable(f"The audio could not be fetched: its server answered {code}.")
        size = 0
        with create_private(target) as file:
            for block in answer.iter_raw(BLOCK_BYTES):
                check()
                size += len(block)
                self._check_size(size)
                file.write(block)

    def _check_size(self, size: int) -> None:
        limit = self._settings.max_upload_bytes
        if size > limit:
            raise AudioTooLong(f"The audio has more than {limit} bytes.")
        if self._folders.free_bytes() < self._settings.min_free_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
