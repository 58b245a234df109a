"""The prefix that results go to: a folder, or a store that fsspec writes to.

What is written exists whole or not at all: here by renaming, in a store because an upload appears
at its end. Knows nothing of what is in the files.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import cast

from bulk.addresses import is_web, names_its_host, path_of, store_of
from bulk.retries import persistently

PARTIAL = ".partial"  # folder beside the results: renaming stays within one file system
FETCHED_TOGETHER = 64


class OutputFailed(Exception):
    """Nothing can be written to the prefix, or read from it; the message says why."""


class Output:
    """Files below `address`; on their way to a store they lie in `scratch`.

    Raises ValueError for an address that is not written to, and `StoreUnavailable`.
    """

    def __init__(self, address: str, scratch: Path) -> None:
        path = path_of(address)
        if path is None and (is_web(address) or names_its_host(address)):
            raise ValueError(f"{address} cannot be written to; give a folder or a bucket")
        self.address = address.rstrip("/") or "/"
        self.path = path.absolute() if path else None
        self._store, self._root = store_of(address)
        self._partial = self.path / PARTIAL if self.path else scratch

    @property
    def is_local(self) -> bool:
        return self.path is not None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """For the time in which files are written; removes what a killed run left half done."""
        self._clear()
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFailed(f"{self.address} cannot be written to: {error.strerror}") from error
        try:
            yield
        finally:
            self._clear()

    def _clear(self) -> None:
        if self.path is not None:
            shutil.rmtree(self._partial, ignore_errors=True)

    def write(self, name: str, parts: Iterable[str]) -> None:
        """A file of text. Raises `OutputFailed`; what `parts` raises is passed on, but OSError."""
        kept = self.partial_file()
        try:
            with kept.open("w", encoding="utf-8") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            self.put(name, kept)
        except OSError as error:
            raise OutputFailed(f"{name} could not be written: {error}") from error
        finally:
            kept.unlink(missing_ok=True)

    def put(self, name: str, kept: Path) -> None:
        """Let the file `kept` be `name`; here it is moved."""
        try:
            if self.path is None:
                persistently(partial(self._store.put_file, str(kept), self._named(name)))
                return
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            kept.replace(target)
        except Exception as error:  # each kind of store has errors of its own
            raise OutputFailed(f"{name} could not be written to {self.address}: {error}") from error

    def partial_file(self) -> Path:
        """Where a file may be made that is `put` afterwards."""
        return self._partial / uuid.uuid4().hex

    def exists(self, name: str) -> bool:
        if self.path is not None:
            return (self.path / name).exists()
        return self._asked(partial(self._store.isfile, self._named(name)), name) is True

    def read(self, name: str) -> bytes:
        if self.path is not None:
            return (self.path / name).read_bytes()
        return cast(bytes, self._asked(partial(self._store.cat_file, self._named(name)), name))

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a large file, which is never whole in memory."""
        if self.path is not None:
            with (self.path / name).open("rb") as file:
                yield from file
            return
        kept = self.partial_file()
        try:
            self._asked(partial(self._store.get_file, self._named(name), str(kept)), name)
            with kept.open("rb") as file:
                yield from file
        finally:
            kept.unlink(missing_ok=True)

    def read_all(self, names: list[str]) -> Iterator[bytes]:
        """The content of each, several fetched at once."""
        if self.path is not None:
            yield from map(self.read, names)
            return
        for first in range(0, len(names), FETCHED_TOGETHER):
            paths = [self._named(name) for name in names[first : first + FETCHED_TOGETHER]]
            found = self._asked(partial(self._store.cat, paths), paths[0])
            assert isinstance(found, dict)
            # A store names files its own way, but in order.
            yield from found.values()

    def names_in(self, folder: str) -> list[str]:
        """Names of the files directly in a folder, sorted; none if it is not there."""
        if self.path is not None:
            inside = self.path / folder
            found = [entry.name for entry in inside.iterdir()] if inside.is_dir() else []
        else:
            self._store.invalidate_cache()
            try:
                paths = self._asked(partial(self._store.ls, self._named(folder), False), folder)
            except FileNotFoundError:
                return []
            found = [str(path).rpartition("/")[2] for path in cast(list[str], paths)]
        return [f"{folder}/{name}" for name in sorted(found) if name]

    def remove(self, names: list[str]) -> None:
        """Files that are there, and here the folders that they leave empty."""
        if self.path is not None:
            for name in names:
                (self.path / name).unlink(missing_ok=True)
            for folder in {(self.path / name).parent for name in names} - {self.path}:
                with suppress(OSError):  # others are in it
                    folder.rmdir()
        elif names:
            paths = [self._named(name) for name in names]
            self._asked(partial(self._store.rm, paths), names[0])

    def _named(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _asked(self, action: partial[object], name: str) -> object:
        """What the store says. Raises `OutputFailed`, and FileNotFoundError."""
        try:
            return persistently(action)
        except FileNotFoundError:
            raise
        except Exception as error:  # each kind of store has errors of its own
            raise OutputFailed(f"{self.address} cannot be reached ({name}): {error}") from error
