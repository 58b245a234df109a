"""What a loader is given and what a data set says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.items import Item


class DatasetMissing(Exception):
    """Files are not where they are looked for; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What to load. An option that a set cannot honour is refused when it is loaded.

    `language`: for sets of many languages. `subset`: a published part, such as eval10. `clips`:
    how many clips are joined to one recording (0: all of a speaker or chapter, 1: not joined).
    `gap`: seconds of silence between clips. `trim_silence`: what voice activity detection calls
    silence is cut out. `seed`: shuffles clips; None keeps the file's order.
    `use_norm`: readings of Rev's norm.json count as right.
    """

    split: str = "test"
    language: str | None = None
    subset: str | None = None
    clips: int = 0
    gap: float = 0.0
    trim_silence: bool = False
    seed: int | None = None
    use_norm: bool = False

    def __post_init__(self) -> None:
        if self.clips < 0:
            raise ValueError(f"clips must be 0 or more, got {self.clips}")
        if self.gap < 0:
            raise ValueError(f"gap must be 0 or more seconds, got {self.gap}")


Loader = Callable[[Path, LoadOptions], tuple[Item, ...]]


@dataclass(frozen=True, slots=True)
class Download:
    """A file at its official place. `checksum` is "md5:…" or "sha256:…" where one is published."""

    url: str
    target: str
    checksum: str | None = None
    unpack: Literal["tar", "zip"] | None = None


Expand = Callable[[str], tuple[Download, ...]]


@dataclass(frozen=True, slots=True)
class Index:
    """A list at the official place from which the other downloads follow."""

    download: Download
    expand: Expand


@dataclass(frozen=True, slots=True)
class Fetching:
    """How a set is downloaded; `remark` says what is still left to do by hand."""

    files: tuple[Download, ...] = ()
    indices: tuple[Index, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """One set. `fetching` is how it is downloaded, or a sentence why it cannot be.

    `honours`: the fields of LoadOptions that mean something to it.
    """

    name: str
    title: str
    contents: str
    languages: str
    licence: str
    source: str
    layout: str
    load: Loader
    fetching: Fetching | str
    honours: frozenset[str] = frozenset()


def first_existing(root: Path, *patterns: str) -> list[Path]:
    """Files of the first pattern that finds any, sorted."""
    for pattern in patterns:
        found = sorted(path for path in root.glob(pattern) if not path.name.startswith("."))
        if found:
            return found
    return []


def required(root: Path, what: str, *patterns: str) -> list[Path]:
    """As `first_existing`; raises DatasetMissing when nothing is found."""
    found = first_existing(root, *patterns)
    if not found:
        raise DatasetMissing(f"no {what} in {root}: expected {' or '.join(patterns)}")
    return found
