"""What was measured, as JSON, as a Markdown table, and as narrower rows for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from benchmarks.speed.types import Row, Spread

PACKAGES: Final = (
    "torch", "openai-whisper", "faster-whisper", "ctranslate2", "transformers", "numpy",
)  # fmt: skip
COLUMNS: Final = (
    "system",
    "batch",
    "threads",
    "CPU s/window (min-max)",
    "wall s/window (min-max)",
    "tokens/s",
    "RTFx",
    "RTFx, CPU time",
    "memory MB",
)

TERMINAL_COLUMNS: Final = ("system", "batch", "threads", "CPU s/window", "wall s", "RTFx", "MB")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that did the same work, and a sentence that says which."""

    title: str
    rows: Sequence[Row]

    def to_json(self) -> dict[str, Any]:
        return {"title": self.title, "rows": [row_json(row) for row in self.rows]}


@dataclass(frozen=True, slots=True)
class Report:
    """All tables of a run with where, when and how they were measured."""

    date: str
    command: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    tables: Sequence[Table]

    def to_json(self) -> dict[str, Any]:
        return {
            "date": self.date,
            "command": self.command,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "tables": [table.to_json() for table in self.tables],
        }


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def row_json(row: Row) -> dict[str, Any]:
    """Every figure of a row, by name."""
    return {
        "system": row.label,
        "settings": dict(row.settings),
        "problem": row.problem,
        "wall_seconds_per_window": row.wall.to_json() if row.wall else None,
        "cpu_seconds_per_window": row.cpu.to_json() if row.cpu else None,
        "windows": row.windows,
        "tokens": row.tokens,
        "tokens_per_second": row.tokens_per_second,
        "rtfx": row.rtfx,
        "rtfx_cpu": row.rtfx_cpu,
        "peak_memory_bytes": row.peak_memory,
        "peak_device_memory_bytes": row.peak_device_memory,
    }


def cells(row: Row) -> tuple[str, ...]:
    """The row as the columns above show it."""
    head = (row.label, str(row.settings.get("batch", "")), str(row.settings.get("threads", "")))
    if row.problem is not None:
        return (*head, row.problem, *[""] * (len(COLUMNS) - len(head) - 1))
    return (
        *head,
        _seconds(row.cpu),
        _seconds(row.wall),
        _figure(row.tokens_per_second),
        _figure(row.rtfx),
        _figure(row.rtfx_cpu),
        _megabytes(row),
    )


def terminal_cells(row: Row) -> tuple[str, ...]:
    """The row as `TERMINAL_COLUMNS` show it, in 80 columns: the spread as its larger side."""
    if row.problem is not None:
        return (*cells(row)[:4], *[""] * (len(TERMINAL_COLUMNS) - 4))
    head, wall = cells(row)[:3], f"{row.wall.median:.3f}" if row.wall else ""
    return (*head, _deviation(row.cpu), wall, _figure(row.rtfx), _megabytes(row))


def markdown(report: Report) -> str:
    """The whole report as a Markdown text."""
    lines = [f"# Speed, {report.date}", "", f"    {report.command}", ""]
    lines += [f"- {name}: {value}" for name, value in {**report.machine, **report.versions}.items()]
    for table in report.tables:
        lines += ["", f"## {table.title}", "", _line(COLUMNS), _line(["---"] * len(COLUMNS))]
        lines += [_line(cells(row)) for row in table.rows]
    return "\n".join(lines) + "\n"


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "/") for value in values) + " |"


def _seconds(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{spread.median:.3f} ({spread.least:.3f}-{spread.most:.3f})"


def _deviation(spread: Spread | None) -> str:
    if spread is None:
        return ""
    farthest = max(spread.most - spread.median, spread.median - spread.least)
    return f"{spread.median:.3f}±{farthest:.3f}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _megabytes(row: Row) -> str:
    host = f"{row.peak_memory / 1e6:.0f}"
    if row.peak_device_memory is None:
        return host
    return f"{host} + {row.peak_device_memory / 1e6:.0f} on the device"
