"""What every format is read into. Times are seconds on the recording's clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One word and when it was said; `text` without blanks around it."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of one recording with its text; `recording` is the name the file gives it."""

    recording: str
    start: float
    end: float
    text: str
    speaker: str = ""


class FormatError(ValueError):
    """The file is not what its name says; the message has the line's number where there is one."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Errors of the format say in which file they are."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
