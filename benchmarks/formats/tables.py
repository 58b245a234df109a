"""Tables with tabs and files with one JSON object a line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any, Final

from benchmarks.formats.types import FormatError

LFS_POINTER: Final = b"version https://git-lfs"


def read_text(path: Path) -> str:
    """UTF-8 with or without a byte order mark, gzipped or not; old corpora may be Latin-1.

    Raises FormatError for a git-LFS pointer.
    """
    content = path.read_bytes()
    if content.startswith(LFS_POINTER):
        raise FormatError(
            f"{path.name} is a git-LFS pointer: run `git lfs pull` in that repository"
        )
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse_table(text: str, delimiter: str = "\t") -> list[dict[str, str]]:
    """Rows by column name; quotes are ordinary characters, as these corpora write them."""
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return [{k: v or "" for k, v in row.items() if k is not None} for row in rows]


def parse_csv(text: str) -> list[dict[str, str]]:
    """Rows by column name of a spreadsheet's file: cells with commas stand in quotes."""
    return [
        {k: v or "" for k, v in row.items() if k is not None}
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def parse_rows(text: str, delimiter: str = "\t") -> list[list[str]]:
    """Rows of a table that has no header."""
    return [line.split(delimiter) for line in text.splitlines() if line.strip()]


def parse_json_lines(text: str) -> list[dict[str, Any]]:
    """One object a line; blank lines are allowed."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise FormatError(f"line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise FormatError(f"line {number}: one JSON object a line is expected")
        rows.append(row)
    return rows
