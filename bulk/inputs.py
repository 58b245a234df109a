"""What `--input` means: a manifest or a folder, here or elsewhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from bulk.addresses import folder_of, is_web, names_its_host, path_of, store_of
from bulk.listing import Folder
from bulk.manifest import Input, Manifest
from transcription.batch import AUDIO_SUFFIXES
from transcription.sound_download import DownloadLimits, download

MANIFEST = "manifest"


class NoInput(ValueError):
    """There is nothing there that could be read as a list of recordings."""


def open_input(address: str, limits: DownloadLimits, workspace: Path) -> Input:
    """The recordings that `address` names; a manifest that lies at a URL is fetched into
    `workspace`.

    Raises `NoInput`, and `AudioUnavailable` for what cannot be reached.
    """
    if Path(address.partition("?")[0]).suffix.lower() in AUDIO_SUFFIXES:
        raise NoInput(f"{address} is a recording; give a manifest or a folder of recordings")
    if is_web(address):
        kept = workspace / MANIFEST
        download(address, lambda: cast(BinaryIO, kept.open("wb")), limits)
        return Manifest(lambda: cast(BinaryIO, kept.open("rb")), folder_of(address))
    is_here = path_of(address) is not None
    if not is_here and names_its_host(address) and not limits.reach.allows_inward:
        raise NoInput(f"{address} names a host: only with --allow-inward")
    store, name = store_of(address)
    if store.isfile(name):
        opened = partial(store.open, name, "rb", compression="infer")
        return Manifest(opened, folder_of(address))
    if not store.isdir(name):
        raise NoInput(f"there is no manifest and no folder {address}")
    return Folder(store, name, name if is_here else address)
