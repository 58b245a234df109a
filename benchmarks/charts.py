"""Charts as SVG: bars with whiskers, and lines. Ink is the colour of the text around a chart.

Labels are escaped here, so a chart may be put into a page as it is; `alone` makes a file of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 720
LEFT = 210
RIGHT = 70
ROW = 30
HEIGHT = 240
BOTTOM = 36
TOP = 26
MARGIN = 60
LEGEND = 18
TICKS = 5
COLOURS = (
    "#3366cc", "#d9541e", "#2a9d5c", "#8e44ad", "#b8860b", "#00838f", "#c2185b", "#607d8b",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled value, `text` behind it, with the ends of its interval, if it has one."""

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    colour: str = COLOURS[0]


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a line; `note` is shown when the pointer rests on it."""

    x: float
    y: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled series of points from left to right."""

    label: str
    points: tuple[Point, ...]


def ceiling(value: float) -> float:
    """The next round number that is no less: 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def ticks(last: float, most: int = TICKS) -> list[float]:
    """Round numbers from 0 to `last`, at most `most` steps."""
    step = ceiling(last / most)
    return [n * step for n in range(int(last / step * (1 + 1e-9)) + 1)]


def bars(groups: Mapping[str, Sequence[Bar]], title: str, unit: str = "") -> Markup:
    """Horizontal bars; each group has its name and a scale from zero. Empty without any bar."""
    parts: list[str] = []
    top = 4.0
    for name, rows in groups.items():
        if rows:
            parts.append(_text(8, top + 16, name, "start", "bold"))
            parts += _group(rows, top + LEGEND)
            top += LEGEND + ROW * len(rows) + LEGEND
    if not parts:
        return Markup()
    parts.append(_text(WIDTH / 2, top, unit, "middle"))
    return Markup("".join([_open(title, top + 8), *parts, "</svg>"]))


def _group(rows: Sequence[Bar], top: float) -> list[str]:
    most = ceiling(max(max(row.value, row.high or 0.0) for row in rows))
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = []
    for n, row in enumerate(rows):
        middle = top + ROW * n + ROW / 2
        end = LEFT + row.value * scale
        parts.append(_text(LEFT - 8, middle + 4, row.label, "end"))
        parts.append(
            f'<rect fill="{row.colour}" x="{LEFT}" y="{middle - 8:.1f}" '
            f'width="{max(end - LEFT, 1):.1f}" height="16"/>'
        )
        if row.low is not None and row.high is not None:
            left, right = LEFT + row.low * scale, LEFT + row.high * scale
            parts.append(
                f'<path stroke="currentColor" stroke-width="1.5" '
                f'd="M{left:.1f} {middle - 5:.1f}v10M{left:.1f} {middle:.1f}'
                f'H{right:.1f}M{right:.1f} {middle - 5:.1f}v10"/>'
            )
            end = max(end, right)
        parts.append(_text(end + 6, middle + 4, row.text, "start"))
    return parts


def lines(rows: Sequence[Line], title: str, x_name: str, y_name: str) -> Markup:
    """Lines over one pair of axes from zero; y is a share and is written in per cent."""
    points = [point for row in rows for point in row.points]
    if not points:
        return Markup()
    right = max(max(point.x for point in points), 1e-9)
    top = ceiling(max(max(point.y for point in points), 1e-9))
    axes = _Axes(WIDTH - 80, HEIGHT - TOP - BOTTOM, right, top)
    parts = [_open(title, HEIGHT + LEGEND * len(rows))]
    parts.append(_text(8, TOP - 12, y_name, "start"))
    for n in range(TICKS + 1):
        y = axes.y(top * n / TICKS)
        rule = 'stroke="currentColor" stroke-opacity="0.2"'
        parts.append(f'<path {rule} d="M{MARGIN} {y:.1f}H{MARGIN + axes.width}"/>')
        parts.append(_text(MARGIN - 6, y + 4, f"{100 * top * n / TICKS:g} %", "end"))
    for tick in ticks(right):
        parts.append(_text(axes.x(tick), HEIGHT - BOTTOM + 16, f"{tick:g}", "middle"))
    parts.append(_text(MARGIN + axes.width / 2, HEIGHT - 4, x_name, "middle"))
    for n, row in enumerate(rows):
        colour = COLOURS[n % len(COLOURS)]
        parts += _line(n, row, axes, colour)
        place = HEIGHT + LEGEND * n
        parts.append(f'<rect fill="{colour}" x="{MARGIN}" y="{place}" width="12" height="12"/>')
        parts.append(_text(MARGIN + 18, place + 10, row.label, "start"))
    return Markup("".join([*parts, "</svg>"]))


def alone(chart: Markup) -> str:
    """The chart as a file, black on white. Raises ValueError for one without a figure."""
    if not chart:
        raise ValueError("there is nothing to draw: not one figure is known")
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return str(chart).replace("</title>", f"</title>{ground}", 1) + "\n"


@dataclass(frozen=True, slots=True)
class _Axes:
    """From values to places on the page."""

    width: float
    height: float
    right: float
    top: float

    def x(self, value: float) -> float:
        return MARGIN + self.width * value / self.right

    def y(self, value: float) -> float:
        return TOP + self.height * (1 - value / self.top)


def _line(number: int, row: Line, axes: _Axes, colour: str) -> list[str]:
    """The line, and points that have a note; smaller ones lie on larger ones where lines meet."""
    path = "L".join(f"{axes.x(point.x):.1f} {axes.y(point.y):.1f}" for point in row.points)
    circles = [
        f'<circle fill="{colour}" cx="{axes.x(point.x):.1f}" cy="{axes.y(point.y):.1f}" '
        f'r="{max(6 - number, 3)}"><title>{escape(f"{row.label}: {point.note}")}</title></circle>'
        for point in row.points
        if point.note
    ]
    return [f'<path fill="none" stroke="{colour}" stroke-width="2" d="M{path}"/>', *circles]


def _open(title: str, height: float) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" font-family="system-ui, sans-serif" '
        f'font-size="13" xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>'
    )


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="currentColor">{escape(text)}</text>'
    )
