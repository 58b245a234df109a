"""What is to be transcribed: a manifest of JSON lines, read as a stream, as often as it is wanted.

    {"audio": "calls/0001.wav", "id": "call-1", "language": "en", "text": "what is said"}

All but `audio` (in NeMo's manifests `audio_filepath`) may be left out. A line that cannot be used
is told with its number, and ends nothing. Opens no recording.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from bulk.addresses import is_web, resolved
from transcription.language_names import language_code

MAX_LINE_BYTES = 16 << 20  # a reference of a day of speech is one of them
AUDIO_KEYS = ("audio", "audio_filepath")
STEM_CHARACTERS = 80
DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A recording that is asked for. `audio` is as it was written, `source` where it lies.

    `text` is a reference: what is said.
    """

    number: int
    id: str
    audio: str
    source: str
    language: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that asks for nothing that could be understood."""

    number: int
    problem: str


class Input(Protocol):
    """Lines that can be gone through several times, always the same."""

    def lines(self) -> Iterator[Line | BrokenLine]: ...


class Manifest:
    """JSON lines; `opened` opens them anew, relative paths are relative to `base`."""

    def __init__(self, opened: Callable[[], BinaryIO], base: str) -> None:
        self._opened = opened
        self._base = base

    def lines(self) -> Iterator[Line | BrokenLine]:
        with self._opened() as file:
            for number, content in _numbered(file):
                if content is None:
                    yield BrokenLine(number, f"it has more than {MAX_LINE_BYTES} bytes")
                elif content.strip():
                    yield _line(number, content, self._base)


def line_of(number: int, audio: str, source: str) -> Line | BrokenLine:
    """A recording of which only the place is known; the same place has the same id."""
    if not _is_plain(audio):
        return BrokenLine(number, "its name is not text")
    return Line(number, id_of(source), audio, source)


def id_of(source: str) -> str:
    """An id made of where the recording lies: its name, and a digest of the whole address."""
    path = unquote(urlsplit(source).path) if is_web(source) else source
    stem = PurePosixPath(path.replace("\\", "/")).stem[:STEM_CHARACTERS]
    digest = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES)
    return f"{stem or 'recording'}-{digest.hexdigest()}"


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Lines and their numbers; None for one that is too long to be held."""
    number = 0
    while content := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        is_whole = content.endswith(b"\n") or len(content) <= MAX_LINE_BYTES
        yield number, content if is_whole else None
        while not is_whole and content:
            content = file.readline(MAX_LINE_BYTES)
            is_whole = content.endswith(b"\n")


def _line(number: int, content: bytes, base: str) -> Line | BrokenLine:
    try:
        fields = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return BrokenLine(number, "it is not JSON in UTF-8")
    if not isinstance(fields, dict):
        return BrokenLine(number, "it is not a JSON object")
    try:
        return _checked(number, fields, base)
    except ValueError as error:
        return BrokenLine(number, str(error))


def _checked(number: int, fields: dict[str, Any], base: str) -> Line:
    """Raises ValueError for what is there and cannot be used."""
    if fields.get("offset"):
        raise ValueError("'offset' asks for a part of a recording; cut it out before")
    audio = next((fields[key] for key in AUDIO_KEYS if fields.get(key)), None)
    if audio is None:
        raise ValueError("it has no 'audio'")
    if not isinstance(audio, str) or not _is_plain(audio):
        raise ValueError("'audio' must be a path or an address")
    source = resolved(audio, base)
    return Line(
        number,
        id_of(source) if fields.get("id") is None else _checked_id(fields["id"]),
        audio,
        source,
        _checked_language(fields.get("language") or None),
        _checked_text(fields.get("text")),
    )


def _checked_id(given: Any) -> str:
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise ValueError("'id' must be a text or a whole number")
    text = str(given)
    if not text or not _is_plain(text):
        raise ValueError("'id' must be a text that is not empty, without control characters")
    return text


def _checked_language(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise ValueError("'language' must be a text")
    language_code(given)
    return given


def _checked_text(given: Any) -> str | None:
    if given is not None and not isinstance(given, str):
        raise ValueError("'text' must be a text")
    return given


def _is_plain(text: str) -> bool:
    """Whether it can be written: no control characters, no halves of letters."""
    return all(letter >= " " and not "\ud800" <= letter <= "\udfff" for letter in text)
