"""Brings a recording here: a local one stays where it is, others come into a folder for a while.

http(s) goes through transcription/sound_download.py, so to public addresses alone unless all are
allowed; object stores through fsspec. What may pass is tried again.
"""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from bulk.addresses import is_web, names_its_host, path_of, scheme_of, store_of
from bulk.retries import is_ours, persistently
from transcription.errors import AudioNotFound, AudioTooLong, AudioUnavailable
from transcription.sound_download import DownloadLimits, download

FETCHED = "fetched"


class Fetcher:
    """Safe to use from several threads."""

    def __init__(self, limits: DownloadLimits) -> None:
        self._limits = limits

    def fetch(self, source: str, folder: Path) -> Path:
        """The recording at `source` as a file, in `folder` if it lies elsewhere.

        Raises `AudioNotFound`, `AudioUnavailable`, and `AudioTooLong` for too many bytes.
        """
        path = path_of(source)
        if path is not None:
            _check_readable(path)
            return path
        target = folder / FETCHED
        if is_web(source):
            download(source, lambda: cast(BinaryIO, target.open("wb")), self._limits)
        else:
            self._fetch_from_store(source, target)
        return target

    def _fetch_from_store(self, source: str, target: Path) -> None:
        if names_its_host(source) and not self._limits.reach.allows_inward:
            raise AudioUnavailable(
                f"An address with {scheme_of(source)}: may lead inward (--allow-inward)."
            )
        store, name = store_of(source)
        try:
            size = persistently(partial(store.size, name))
            if size is not None and size > self._limits.max_bytes:
                raise AudioTooLong(f"The audio has more than {self._limits.max_bytes} bytes.")
            persistently(partial(store.get_file, name, str(target)))
        except AudioTooLong:
            raise
        except FileNotFoundError as error:
            raise AudioNotFound("There is no such recording.") from error
        except PermissionError as error:
            raise AudioUnavailable("Reading the recording is not allowed.") from error
        except Exception as error:  # each kind of store has errors of its own
            if is_ours(error):
                raise
            raise AudioUnavailable(f"The recording could not be fetched: {error}.") from error


def _check_readable(path: Path) -> None:
    """Raise for what is no file that may be read; a pipe would keep us waiting."""
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
        if is_file:
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioNotFound("There is no such recording.") from error
    except PermissionError as error:
        raise AudioUnavailable("Reading the recording is not allowed.") from error
    if not is_file:
        raise AudioUnavailable("It is not a file.")
