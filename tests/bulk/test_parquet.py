import sys

import pytest

from bulk.entries import Entry
from bulk.parquet import can_write, write_parquet

ENTRIES = [
    Entry(1, "completed", "a", "a.wav", duration=1.5, words=3, language="en", substitutions=1),
    Entry(2, "failed", error_code="broken_line", error="line 2: it is not JSON in UTF-8"),
]


def test_a_row_for_each_entry(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet is not installed")
    monkeypatch.setattr("bulk.parquet.ROWS_TOGETHER", 1)
    write_parquet(ENTRIES, tmp_path / "index.parquet")
    table = parquet.read_table(tmp_path / "index.parquet")
    assert [Entry(**row) for row in table.to_pylist()] == ENTRIES
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["duration"], types["words"], types["id"]) == ("double", "int64", "string")


def test_an_index_without_lines_has_its_columns(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet is not installed")
    write_parquet([], tmp_path / "index.parquet")
    assert parquet.read_table(tmp_path / "index.parquet").column_names[:2] == ["line", "status"]


def test_it_is_known_whether_it_can_be_written(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert not can_write()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: sys)
    assert can_write()
