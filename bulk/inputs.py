"""What `--input` means: a manifest or a folder, here or elsewhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from fsspec.implementations.local import LocalFileSystem

from bulk.addresses import folder_of, is_web, names_its_host, path_of, store_of
from bulk.listing import Folder
from bulk.manifest import Input, Manifest
from bulk.retries import persistently
from transcription.batch import AUDIO_SUFFIXES
from transcription.sound_download import DownloadLimits, download

MANIFEST = "manifest"


class NoInput(ValueError):
    """There is nothing there that could be read as a list of recordings."""


def open_input(address: str, limits: DownloadLimits, workspace: Path) -> Input:
    """The recordings that `address` names; a manifest that lies elsewhere is fetched into
    `workspace`, for it is read several times.

    Raises `NoInput`, and `AudioUnavailable` for what cannot be reached.
    """
    name = address.partition("?")[0].rpartition("/")[2]
    if Path(name).suffix.lower() in AUDIO_SUFFIXES:
        raise NoInput(f"{address} is a recording; give a manifest or a folder of recordings")
    kept = workspace / f"{MANIFEST}{Path(name).suffix}"
    if is_web(address):
        download(address, lambda: cast(BinaryIO, kept.open("wb")), limits)
        return _manifest(kept, address)
    path = path_of(address)
    if path is None and names_its_host(address) and not limits.reach.allows_inward:
        raise NoInput(f"{address} names a host: only with --allow-inward")
    store, inside = store_of(address)
    if store.isdir(inside):
        return Folder(store, inside, address if path is None else inside)
    if not store.isfile(inside):
        raise NoInput(f"there is no manifest and no folder {address}")
    if path is None:
        persistently(partial(store.get_file, inside, str(kept)))
    return _manifest(path or kept, address)


def _manifest(path: Path, address: str) -> Manifest:
    """The manifest in a file, packed or not, that came from `address`."""
    opened = partial(LocalFileSystem().open, str(path.absolute()), "rb", compression="infer")
    return Manifest(opened, folder_of(address))
