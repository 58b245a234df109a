"""Downloads from official places, resumed where they stopped, checked and unpacked.

A checksum is compared where one is published; what was downloaded is written down with its own
checksum, so that a later change on disk is noticed. Never runs what it downloads.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from benchmarks.datasets.types import DatasetCard, Download, Fetching
from benchmarks.records import write_json

LEDGER: Final = "downloads.json"
TIMEOUT: Final = httpx.Timeout(30.0, read=120.0)
BLOCK: Final = 1 << 20

Watch = Callable[[str, int, int | None], None]  # target, bytes so far, bytes in all if known


class DownloadFailed(Exception):
    """One sentence that says which file, from where, and why."""


def _unwatched(target: str, received: int, total: int | None) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Downloader:
    """Brings files into `folder`; `watch` hears of progress."""

    folder: Path
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(follow_redirects=True, timeout=TIMEOUT)
    )
    watch: Watch = _unwatched

    def get(self, card: DatasetCard) -> str:
        """Everything that can be had of a set; returns what is left to do by hand, or ""."""
        if isinstance(card.fetching, str):
            raise DownloadFailed(f"{card.title} cannot be downloaded for you: {card.fetching}")
        self.folder.mkdir(parents=True, exist_ok=True)
        for download in self._all(card.fetching):
            self.bring(download)
        return card.fetching.remark

    def _all(self, fetching: Fetching) -> tuple[Download, ...]:
        expanded: list[Download] = []
        for index in fetching.indices:
            path = self.bring(index.download)
            expanded.extend(index.expand(path.read_text(encoding="utf-8-sig")))
        return (*fetching.files, *expanded)

    def bring(self, download: Download) -> Path:
        """One file, whole and checked; nothing is done when it was brought before."""
        target = self.folder / download.target
        ledger = read_ledger(self.folder)
        if download.target in ledger and (target.exists() or download.unpack):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(target.name + ".part")
        try:
            self._receive(download, unfinished)
        except (httpx.HTTPError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise DownloadFailed(
                f"{download.target} could not be downloaded from {download.url}: {reason}. "
                "What has arrived is kept; run the same command again to go on."
            ) from error
        checksum = _checked(download, unfinished)
        unfinished.replace(target)
        if download.unpack:
            unpack(target, target.parent, download.unpack)
            target.unlink()
        write_json(self.folder / LEDGER, {**ledger, download.target: checksum})
        return target

    def _receive(self, download: Download, unfinished: Path) -> None:
        have = unfinished.stat().st_size if unfinished.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self.client.stream("GET", download.url, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
                if whole.isdigit() and int(whole) != have:
                    unfinished.unlink()
                    raise DownloadFailed(
                        f"{have} bytes of {download.target} had arrived and {download.url} now has "
                        f"{whole}: what had arrived was removed, run the same command again"
                    )
                return  # nothing is left to fetch
            answer.raise_for_status()
            is_resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
            received = have if is_resumed else 0
            length = answer.headers.get("Content-Length")
            total = received + int(length) if length else None
            with unfinished.open("ab" if is_resumed else "wb") as file:
                for block in answer.iter_bytes(BLOCK):
                    file.write(block)
                    received += len(block)
                    self.watch(download.target, received, total)
        if total is not None and received < total and "Content-Encoding" not in answer.headers:
            raise OSError(f"the connection ended after {received} of {total} bytes")


def _checked(download: Download, path: Path) -> str:
    """The file's sha256. Raises DownloadFailed, and removes it, when its checksum is wrong."""
    if download.checksum is not None:
        algorithm, _, expected = download.checksum.partition(":")
        found = _digest(path, algorithm)
        if found != expected:
            path.unlink()
            raise DownloadFailed(
                f"{download.target} from {download.url} is damaged: its {algorithm} is {found}, "
                f"expected {expected}. Run the same command again."
            )
    return "sha256:" + _digest(path, "sha256")


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def unpack(archive: Path, folder: Path, kind: str) -> None:
    """Unpacks into `folder`; entries that lead out of it are refused."""
    try:
        if kind == "tar":
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        else:
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder)  # zipfile itself drops ".." and absolute paths
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DownloadFailed(f"{archive.name} cannot be unpacked: {error}") from error


def read_ledger(folder: Path) -> dict[str, str]:
    """Checksums of what was downloaded, by target."""
    path = folder / LEDGER
    if not path.is_file():
        return {}
    ledger: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return ledger


def changed_files(folder: Path) -> tuple[str, ...]:
    """Downloaded files that are no longer what they were; unpacked archives are not kept."""
    return tuple(
        target
        for target, checksum in read_ledger(folder).items()
        if (folder / target).is_file()
        and checksum != "sha256:" + _digest(folder / target, "sha256")
    )
