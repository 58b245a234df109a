"""A multipart form, fed in pieces: text fields are kept, bytes of the file are handed on.

Bounded in everything: number of parts, length of headers and of text fields. Writes nothing.
"""

from __future__ import annotations

import re

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import ApiError, bad_request
from app.settings import Settings

MAX_NAME = 200
MAX_HEADER_BYTES = 8192
FILE_FIELD = "file"
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def clean_name(name: str) -> str:
    """A client's file name without folders and control characters; for people to read."""
    last = re.split(r"[/\\]", name)[-1]
    return _UNPRINTABLE.sub("", last).strip()[:MAX_NAME] or "audio"


def boundary_of(content_type: str | None) -> bytes:
    """The boundary of a multipart form. Raises `ApiError` for any other body."""
    kind, parameters = parse_options_header(content_type)
    boundary = parameters.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= MAX_NAME:
        message = "Send multipart/form-data with the audio in the field `file`."
        raise bad_request(message, code="invalid_form")
    return boundary


class FormReader:
    """The state of a multipart parser: finished text fields, and bytes of the file so far.

    `other_files`: names of files under other names, which are read past and not kept.
    """

    def __init__(self, boundary: bytes, settings: Settings) -> None:
        self.pairs: list[tuple[str, str]] = []
        self.other_files: set[str] = set()
        self.file_bytes = bytearray()
        self.file_name = "audio"
        self.has_file = False
        self._settings = settings
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._name = ""
        self._value: bytearray | None = None
        self._is_file = False
        self._parts = 0
        self._text_bytes = 0  # of all text fields
        self._has_ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._all_end,
            },
            max_header_size=MAX_HEADER_BYTES,
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise broken_form() from error

    def finish(self) -> None:
        """Raise unless the closing boundary came."""
        if not self._has_ended:
            raise broken_form()

    def take_file_bytes(self) -> bytes:
        taken = bytes(self.file_bytes)
        self.file_bytes.clear()
        return taken

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self._settings.max_fields:
            message = f"A form has at most {self._settings.max_fields} fields."
            raise bad_request(message, code="too_many_fields")
        self._disposition = b""
        self._header = (bytearray(), bytearray())

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._grow_header(0, data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow_header(1, data[start:end])

    def _grow_header(self, part: int, data: bytes) -> None:
        self._header[part].extend(data)
        if len(self._header[part]) > MAX_HEADER_BYTES:
            raise broken_form()

    def _header_end(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = self._name == FILE_FIELD
        if self._is_file and self.has_file:
            raise bad_request("Send one file at a time.", param=FILE_FIELD, code="too_many_files")
        if self._is_file:
            self.has_file = True
            self.file_name = clean_name(parameters.get(b"filename", b"").decode("utf-8", "replace"))
        self._value = None
        if not self._is_file and b"filename" in parameters:
            self.other_files.add(self._name)
        elif not self._is_file:
            self._value = bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.file_bytes += data[start:end]
        elif self._value is not None:
            self._value += data[start:end]
            self._text_bytes += end - start
            if self._text_bytes > self._settings.max_field_bytes:
                raise self._too_long()

    def _too_long(self) -> ApiError:
        name = self._name[:100]
        limit = self._settings.max_field_bytes
        message = f"With {name} the text of the form is longer than {limit} bytes."
        return bad_request(message, param=name, code="field_too_long")

    def _end(self) -> None:
        if self._value is not None:
            try:
                text = self._value.decode("utf-8")
            except UnicodeDecodeError:
                message = f"{self._name[:100]} is not UTF-8."
                raise bad_request(message, param=self._name[:100]) from None
            self.pairs.append((self._name, text.replace("\x00", "")))
        self._value = None
        self._is_file = False

    def _all_end(self) -> None:
        self._has_ended = True


def broken_form() -> ApiError:
    return bad_request("The form is cut off or malformed.", code="invalid_form")
