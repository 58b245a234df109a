"""A report's tables as one chart: a bar for each row, its spread as a whisker."""

from __future__ import annotations

from typing import Final

from benchmarks import charts
from benchmarks.speed.report import Report
from benchmarks.speed.types import Row

PEER_COLOUR: Final = "#9aa4b2"


def draw(report: Report, *, is_wall: bool = False) -> str:
    """SVG: seconds for each window, shorter is better; processor time, or wall time.

    Raises ValueError for a report without any.
    """
    unit = f"seconds of {'wall' if is_wall else 'processor'} time for a window of 30 s"
    groups = {t.title: [b for r in t.rows for b in _bars(r, is_wall)] for t in report.tables}
    return charts.alone(charts.bars(groups, f"Speed, {report.date}", f"{unit}: median, min-max"))


def _bars(row: Row, is_wall: bool) -> list[charts.Bar]:
    """One, or none where there are no figures."""
    spread = row.wall if is_wall else row.cpu
    if spread is None:
        return []
    label = f"{row.label}, batch {row.settings.get('batch', '')}"
    colour = charts.COLOURS[0] if row.label.startswith("ours") else PEER_COLOUR
    shown = f"{spread.median:.3f}"
    return [charts.Bar(label, spread.median, shown, spread.least, spread.most, colour)]
