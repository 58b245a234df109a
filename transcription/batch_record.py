"""Of what each transcript in a folder was made, and how: a hidden file of JSON lines beside them.

Lines are only added, each by one write, so that several runs may share a folder; of several about
the same the last counts. A line that a full disk tore is passed over. Whether a transcript still
exists is not asked here, and of those that earlier versions made there is no line.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from transcription.render import FORMATS

RECORD = ".longform.jsonl"


@dataclass(frozen=True, slots=True)
class Source:
    """A recording as it was when it was read: its name in the batch, `path` where it lay, its size
    in bytes and when it was last changed."""

    name: str
    path: str
    size: int
    modified_ns: int

    @classmethod
    def of(cls, file: Path, name: Path) -> Source:
        """What `file` is now. Raises OSError."""
        found = file.stat()
        return cls(name.as_posix(), str(file.resolve()), found.st_size, found.st_mtime_ns)

    def is_as(self, other: Source) -> bool:
        """Whether both are of the same sound, as far as size and date tell."""
        return (self.size, self.modified_ns) == (other.size, other.modified_ns)


@dataclass(frozen=True, slots=True)
class Made:
    """A line: transcripts in `formats`, named `target` but for their extension, of one source."""

    target: str
    formats: tuple[str, ...]
    source: Source
    model: str
    options_digest: str

    @property
    def formats_by_suffix(self) -> dict[str, str]:
        """Without those of a later version."""
        return {FORMATS[name].suffix: name for name in self.formats if name in FORMATS}

    def is_asked_like(self, before: Made) -> bool:
        """Whether `before` is of the same model, options, and format where extensions are equal."""
        ours, theirs = self.formats_by_suffix, before.formats_by_suffix
        are_equal = all(ours[suffix] == theirs[suffix] for suffix in ours.keys() & theirs.keys())
        asked = self.model, self.options_digest
        return are_equal and asked == (before.model, before.options_digest)


class BatchRecord:
    """What the lines in `folder` told when it was opened. Raises OSError if they cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORD
        self._made: dict[tuple[str, str], Made] = {}
        self._owners: dict[str, Source] = {}
        for made in _read(self._path):
            self._owners[made.target] = made.source
            self._made |= {(made.target, suffix): made for suffix in made.formats_by_suffix}

    def made(self, target: str, suffix: str) -> Made | None:
        """How the transcript of that name and extension was made; None: nobody knows."""
        return self._made.get((target, suffix))

    def owner(self, target: str) -> Source | None:
        """The recording whose transcripts have that name; None: nobody's, or nobody knows."""
        return self._owners.get(target)

    def stranger(self, target: str, source: Source) -> Source | None:
        """The owner, where that is another recording than `source`, and not an earlier state of it.

        One that was moved is the same; so is one in place of another that is no more, if it has
        its name.
        """
        owner = self.owner(target)
        if owner is None or owner.path == source.path:
            return None
        is_successor = owner.is_as(source) or not os.path.exists(owner.path)
        return None if owner.name == source.name and is_successor else owner

    def add(self, made: Made) -> None:
        """Add a line, for those who open the record later. Raises OSError."""
        line = f"\n{json.dumps(asdict(made))}\n".encode()  # begun anew: the last may be torn
        number = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if os.write(number, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(number)
        finally:
            os.close(number)


def _read(path: Path) -> Iterable[Made]:
    try:
        with path.open("rb") as file:
            return [made for line in file if (made := _parsed(line)) is not None]
    except FileNotFoundError:
        return []


def _parsed(line: bytes) -> Made | None:
    """None for a line that is torn, or no line of ours."""
    try:
        found = json.loads(line)
        source = Source(**found.pop("source"))
        return Made(formats=tuple(found.pop("formats")), source=source, **found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
