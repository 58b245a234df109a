from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchmarks.cli import output
from benchmarks.speed.report import TERMINAL_COLUMNS, terminal_cells
from benchmarks.speed.types import Row, Spread

SPREAD = Spread.of([11.504, 12.345, 13.004])
ROWS = [
    Row(label, {"batch": 32, "threads": 16}, SPREAD, SPREAD, 960.0, 32, 2048, 12_345_000_000)
    for label in ("ours int8", "openai-whisper fp32", "ctranslate2 float32")
]


def shown(monkeypatch: pytest.MonkeyPatch, width: int | None) -> list[str]:
    told = io.StringIO()
    monkeypatch.setattr(output, "screen", Console(file=told, width=width))
    output.show("a size", TERMINAL_COLUMNS, [terminal_cells(row) for row in ROWS])
    return told.getvalue().splitlines()


def test_speed_has_a_line_for_each_system_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 80)
    assert max(map(len, lines)) <= 80
    for row in ROWS:
        [line] = [line for line in lines if row.label in line]
        assert line.split()[-1] == "12345"
        assert "12.345±0.841" in line


def test_no_table_is_folded_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.stdout", io.StringIO())  # no terminal
    told = io.StringIO()
    monkeypatch.setattr(output, "screen", Console(file=told, width=output._width()))
    columns = [f"column number {n}" for n in range(30)]
    output.show("wide", columns, [["a figure of many words"] * 30])
    [line] = [line for line in told.getvalue().splitlines() if "a figure" in line]
    assert line.count("a figure of many words") == 30
    monkeypatch.setenv("COLUMNS", "80")
    assert output._width() is None
