"""Tables as one picture: a bar for each row, its spread as a line, in SVG without a library."""

from __future__ import annotations

from html import escape
from typing import Final

from benchmarks.speed.report import Report
from benchmarks.speed.types import Row, Spread

LEFT: Final = 260
BAR: Final = 420
HEIGHT: Final = 22
WIDTH: Final = LEFT + BAR + 120
OURS_COLOUR: Final = "#1b6ac9"
PEER_COLOUR: Final = "#9aa4b2"


def draw(report: Report, *, is_wall: bool = False) -> str:
    """Seconds for each window, shorter is better; processor time, or wall time."""
    parts: list[str] = []
    top = 30
    for table in report.tables:
        parts.append(_text(10, top, table.title, "font-weight='bold'"))
        top += 10
        drawn = [(row, row.wall if is_wall else row.cpu) for row in table.rows]
        longest = max((spread.most for _, spread in drawn if spread), default=1.0)
        for row, spread in drawn:
            if spread is not None:
                parts.append(_bar(row, spread, top, BAR / longest))
                top += HEIGHT
        top += 30
    unit = "wall" if is_wall else "processor"
    parts.append(_text(10, top, f"seconds of {unit} time for a window of 30 s: median, min-max"))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{top + 20}' "
        "font-family='sans-serif' font-size='12'>"
        "<rect width='100%' height='100%' fill='white'/>" + "".join(parts) + "</svg>\n"
    )


def _bar(row: Row, spread: Spread, top: float, scale: float) -> str:
    middle = top + HEIGHT / 2
    colour = OURS_COLOUR if row.label.startswith("ours") else PEER_COLOUR
    name = f"{row.label}, batch {row.settings.get('batch', '')}"
    end = LEFT + scale * spread.most
    return (
        _text(10, middle + 4, name)
        + f"<rect x='{LEFT}' y='{top + 4}' width='{scale * spread.median:.1f}' "
        f"height='{HEIGHT - 8}' fill='{colour}'/>"
        f"<line x1='{LEFT + scale * spread.least:.1f}' x2='{end:.1f}' y1='{middle}' "
        f"y2='{middle}' stroke='black'/>" + _text(end + 6, middle + 4, f"{spread.median:.3f}")
    )


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f"<text x='{x:.0f}' y='{y:.0f}' {more}>{escape(words)}</text>"
