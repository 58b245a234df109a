"""The lines of a batch's input file as requests: JSONL, one transcription a line.

The shape is that of hosted services: `custom_id`, `method`, `url` (the endpoint) and `body`, whose
`url` names the sound; `file_id` names one that was uploaded here. Runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

ENDPOINTS = {"/v1/audio/transcriptions": "transcribe", "/v1/audio/translations": "translate"}
SOURCES = ("url", "file_id")
MAX_CUSTOM_ID = 512
MOST_ERRORS = 100  # that are told of one file

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with a line, or with the whole file."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None

    def document(self) -> dict[str, Any]:
        fields = {"code": self.code, "message": self.message, "param": self.param}
        return {**fields, "line": self.line}


@dataclass(frozen=True, slots=True)
class Line:
    """One request: the fields of its form, and where its sound is."""

    number: int
    custom_id: str
    form: Pairs
    source: str


class _Wrong(Exception):
    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


def read_lines(
    content: bytes, endpoint: str, most: int
) -> tuple[tuple[Line, ...], tuple[LineError, ...]]:
    """The requests of a file, and what is wrong with those lines that are none."""
    lines: list[Line] = []
    errors: list[LineError] = []
    seen: set[str] = set()
    for number, text in _numbered(content):
        if len(lines) >= most:
            errors.append(LineError("too_many_requests", f"A batch has at most {most} requests."))
        if len(errors) >= MOST_ERRORS or len(lines) >= most:
            break
        try:
            line = _read(number, text, endpoint)
            if line.custom_id in seen:
                raise _Wrong("duplicate_custom_id", "custom_id is used twice.", "custom_id")
        except _Wrong as wrong:
            errors.append(LineError(wrong.code, wrong.message, number, wrong.param))
            continue
        seen.add(line.custom_id)
        lines.append(line)
    if not lines and not errors:
        errors.append(LineError("empty_file", "The file has no requests."))
    return tuple(lines), tuple(errors)


def _numbered(content: bytes) -> Iterator[tuple[int, bytes]]:
    for number, text in enumerate(content.split(b"\n"), start=1):
        if text.strip():
            yield number, text


def _read(number: int, text: bytes, endpoint: str) -> Line:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise _Wrong("invalid_json_line", "This line is not valid JSON.") from None
    if not isinstance(given, dict):
        raise _Wrong("invalid_json_line", "This line is not a JSON object.")
    custom_id, body = given.get("custom_id"), given.get("body")
    if not _is_text(custom_id) or not 1 <= len(custom_id) <= MAX_CUSTOM_ID:
        message = f"custom_id must be a text of 1 to {MAX_CUSTOM_ID} printable characters."
        raise _Wrong("invalid_custom_id", message, "custom_id")
    if given.get("method", "POST") != "POST":
        raise _Wrong("invalid_method", "method must be POST.", "method")
    if given.get("url") != endpoint:
        raise _Wrong("mismatched_endpoint", f"url must be the batch's endpoint, {endpoint}.", "url")
    if not isinstance(body, dict):
        raise _Wrong("invalid_body", "body must be an object.", "body")
    return Line(number, custom_id, tuple(_pairs(body)), _source(body))


def _source(body: Mapping[str, Any]) -> str:
    given = [value for name in SOURCES if (value := body.get(name)) is not None]
    if len(given) != 1 or not _is_text(given[0]):
        message = "body names its sound by url (https://…), or by file_id (a file uploaded here)."
        raise _Wrong("missing_audio", message, "body.url")
    return given[0]


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isprintable()


def _pairs(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields as a form has them: every value a text, lists as several."""
    for name, value in body.items():
        if name in SOURCES or value is None:
            continue
        for one in value if isinstance(value, list) else [value]:
            text = (one if isinstance(one, str) else json.dumps(one)).replace("\x00", "")
            if not _is_unicode(name + text):
                raise _Wrong("invalid_body", "The text of body is not Unicode.", "body")
            yield name, text


def _is_unicode(text: str) -> bool:
    """Whether there is no half of a surrogate pair in it, as JSON may have."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
