"""A folder or the prefix of a bucket instead of a manifest: every recording below it, by name.

Names are listed a folder at a time. What is no sound by its name is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bulk.manifest import BrokenLine, Line, line_of
from transcription.batch import has_sound, is_named_like_sound


class Folder:
    """The recordings below `name` in `store`; `prefix` is what its addresses begin with."""

    def __init__(self, store: Any, name: str, prefix: str) -> None:
        self._store = store
        self._name = name.rstrip("/")
        self._prefix = prefix.rstrip("/")
        self._is_local = prefix.startswith("/")

    def lines(self) -> Iterator[Line | BrokenLine]:
        for number, relative in enumerate(self._names(), start=1):
            yield line_of(number, relative, f"{self._prefix}/{relative}")

    def _names(self) -> Iterator[str]:
        """Of each recording, relative to the folder; always in the same order."""
        for folder, inner, files in self._store.walk(self._name, on_error="raise"):
            inner.sort()
            inside = str(folder).rstrip("/")[len(self._name) :].strip("/")
            for file in sorted(files):
                relative = f"{inside}/{file}" if inside else file
                if is_named_like_sound(file) and self._may_sound(relative):
                    yield relative

    def _may_sound(self, relative: str) -> bool:
        return not self._is_local or has_sound(Path(self._prefix) / relative)
