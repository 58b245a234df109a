from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from benchmarks.formats.tables import parse_json_lines, parse_rows, parse_table, read_text
from benchmarks.formats.types import FormatError


def test_table_keeps_quotes() -> None:
    assert parse_table('path\tsentence\na.mp3\t"Well" he said\n') == [
        {"path": "a.mp3", "sentence": '"Well" he said'}
    ]


def test_rows_without_header() -> None:
    assert parse_rows("1\ta b\n\n2\tc\n") == [["1", "a b"], ["2", "c"]]


def test_json_lines() -> None:
    assert parse_json_lines('{"a": 1}\n\n{"a": 2}\n') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ['{"a": 1}\n{"a"', '{"a": 1}\n[1]'])
def test_broken_json_line_is_named(text: str) -> None:
    with pytest.raises(FormatError, match="line 2"):
        parse_json_lines(text)


def test_encodings(tmp_path: Path) -> None:
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfab")
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    (tmp_path / "packed.tsv.gz").write_bytes(gzip.compress(b"a\tb"))
    assert read_text(tmp_path / "bom.txt") == "ab"
    assert read_text(tmp_path / "latin.txt") == "café"
    assert read_text(tmp_path / "packed.tsv.gz") == "a\tb"
