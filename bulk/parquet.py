"""The index as a Parquet file, for those whose tables are made of such."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from bulk.entries import Entry

PARQUET = "index.parquet"
ROWS_TOGETHER = 10_000
MISSING = "--parquet needs the package pyarrow: sh setup.sh --extra parquet .venv"
_TYPES = {"int": "int64", "float": "float64"}


def can_write() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def write_parquet(entries: Iterable[Entry], path: Path) -> None:
    """A row for each entry, a column for each of its fields; a bounded number in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {field.name: str(field.type).partition(" | ")[0] for field in fields(Entry)}
    columns = [(name, _TYPES.get(kind, "string")) for name, kind in types.items()]
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns])
    remaining = iter(entries)
    with pq.ParquetWriter(path, schema) as writer:
        while rows := [one.document() for one in itertools.islice(remaining, ROWS_TOGETHER)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
