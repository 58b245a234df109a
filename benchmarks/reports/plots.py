"""Plots as inline SVG: bars with whiskers, and lines. Colours are in the page's style.

Labels are escaped here, so a plot may be put into the page as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 720
LEFT = 190
RIGHT = 70
ROW = 30
HEIGHT = 240
BOTTOM = 36
TOP = 26
MARGIN = 60
LEGEND = 18
TICKS = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled value with the ends of its interval, if it has one."""

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None


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


def bars(rows: Sequence[Bar], title: str) -> Markup:
    """Horizontal bars, one for each row, on one scale from zero."""
    if not rows:
        return Markup()
    top = ceiling(max(max(row.value, row.high or 0.0) for row in rows))
    scale = (WIDTH - LEFT - RIGHT) / top
    parts = [_open(title, ROW * len(rows) + 8)]
    for n, row in enumerate(rows):
        middle = ROW * n + ROW / 2 + 4
        end = LEFT + row.value * scale
        parts.append(_text(LEFT - 8, middle + 4, row.label, "end"))
        parts.append(
            f'<rect class="s{n % 8}" x="{LEFT}" y="{middle - 8:.1f}" '
            f'width="{max(end - LEFT, 1):.1f}" height="16"/>'
        )
        if row.low is not None and row.high is not None:
            left, right = LEFT + row.low * scale, LEFT + row.high * scale
            parts.append(
                f'<path class="whisker" d="M{left:.1f} {middle - 5:.1f}v10M{left:.1f} {middle:.1f}'
                f'H{right:.1f}M{right:.1f} {middle - 5:.1f}v10"/>'
            )
            end = max(end, right)
        parts.append(_text(end + 6, middle + 4, row.text, "start"))
    return Markup("".join([*parts, "</svg>"]))


def lines(rows: Sequence[Line], title: str, x_name: str, y_name: str) -> Markup:
    """Lines over one pair of axes from zero; y is a rate and is written in per cent."""
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
        parts.append(f'<path class="grid" d="M{MARGIN} {y:.1f}H{MARGIN + axes.width}"/>')
        parts.append(_text(MARGIN - 6, y + 4, f"{100 * top * n / TICKS:g} %", "end"))
    for tick in ticks(right):
        parts.append(_text(axes.x(tick), HEIGHT - BOTTOM + 16, f"{tick:g}", "middle"))
    parts.append(_text(MARGIN + axes.width / 2, HEIGHT - 4, x_name, "middle"))
    for n, row in enumerate(rows):
        parts += _line(n, row, axes)
        place = HEIGHT + LEGEND * n
        parts.append(f'<rect class="s{n % 8}" x="{MARGIN}" y="{place}" width="12" height="12"/>')
        parts.append(_text(MARGIN + 18, place + 10, row.label, "start"))
    return Markup("".join([*parts, "</svg>"]))


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


def _line(number: int, row: Line, axes: _Axes) -> list[str]:
    """The line and its points; smaller points lie on larger ones where lines meet."""
    kind = number % 8
    path = "L".join(f"{axes.x(point.x):.1f} {axes.y(point.y):.1f}" for point in row.points)
    circles = [
        f'<circle class="s{kind}" cx="{axes.x(point.x):.1f}" cy="{axes.y(point.y):.1f}" '
        f'r="{max(6 - number, 3)}"><title>{escape(f"{row.label}: {point.note}")}</title></circle>'
        for point in row.points
    ]
    return [f'<path class="line l{kind}" d="M{path}"/>', *circles]


def _open(title: str, height: float) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
