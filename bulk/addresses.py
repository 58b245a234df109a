"""Where recordings and results lie: a path, a `file://`, an http(s) URL, or a store that fsspec
reads.

Opens nothing. Object stores are reached where their own settings say, whatever an address says;
other kinds of addresses name the host that is asked, so they count as inward.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

from transcription.errors import AudioUnavailable

LOCAL = ("file", "local")
WEB = ("http", "https")
STORES = frozenset(
    ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "ocilake", "oss", "tos", "hf")
) | {"memory"}
PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:://|::)")


class StoreUnavailable(AudioUnavailable):
    """No store of that kind can be reached from here; the message says what is missing."""


def scheme_of(address: str) -> str | None:
    """`s3` of `s3://bucket/talk.wav`; None for a path."""
    found = _SCHEME.match(address)
    return found[1].lower() if found else None


def path_of(address: str) -> Path | None:
    """The path that is meant by a path or a `file://` URL; None for what lies elsewhere."""
    scheme = scheme_of(address)
    if scheme is None:
        return Path(address)
    if scheme not in LOCAL or "::" in address:
        return None
    host, _, path = address.partition("://")[2].partition("/")
    return Path(f"/{unquote(path)}") if host in ("", "localhost") else None


def is_web(address: str) -> bool:
    return scheme_of(address) in WEB and "::" not in address


def names_its_host(address: str) -> bool:
    """Whether reading this asks a host that the address names, or leads to another address."""
    return "::" in address or scheme_of(address) not in STORES


def resolved(address: str, base: str) -> str:
    """`address`, relative to the folder `base` if it is a relative path."""
    if scheme_of(address) is not None or os.path.isabs(address):
        return address
    if scheme_of(base) is None:
        return os.path.abspath(os.path.join(base, address))
    return urljoin(base, address) if is_web(base) else f"{base.rstrip('/')}/{address}"


def folder_of(address: str) -> str:
    """What relative paths in a file at this address are relative to."""
    path = path_of(address)
    if path is not None:
        return str(path.absolute().parent)
    return address if is_web(address) else address.rpartition("/")[0]


def store_of(address: str) -> tuple[Any, str]:
    """fsspec's file system for `address`, and its name there. Raises `StoreUnavailable`."""
    from fsspec.core import url_to_fs

    path = path_of(address)
    if path is not None:
        from fsspec.implementations.local import LocalFileSystem

        return LocalFileSystem(), str(path.absolute())
    scheme = scheme_of(address)
    try:
        store, name = url_to_fs(address, use_listings_cache=False)  # of a million files
    except ImportError as error:
        package = PACKAGES.get(scheme or "", str(error))
        extra = "sh setup.sh --extra s3 .venv" if package == "s3fs" else "pip install it"
        raise StoreUnavailable(f"{scheme}:// needs the package {package}: {extra}.") from error
    except ValueError as error:
        raise StoreUnavailable(f"Addresses with {scheme}:// are not read.") from error
    return store, name
