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
TOP = 14
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
class Line:
    """A labelled series of (x, y)."""

    label: str
    points: tuple[tuple[float, float], ...]


def ceiling(value: float) -> float:
    """The next round number that is no less: 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


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
    right = max(max(x for x, _ in points), 1e-9)
    top = ceiling(max(max(y for _, y in points), 1e-9))
    width, height = WIDTH - 80, HEIGHT - TOP - BOTTOM
    parts = [_open(title, HEIGHT + 18 * len(rows))]
    for n in range(TICKS + 1):
        y = TOP + height * (1 - n / TICKS)
        parts.append(f'<path class="grid" d="M60 {y:.1f}H{60 + width}"/>')
        parts.append(_text(54, y + 4, f"{100 * top * n / TICKS:g} %", "end"))
        parts.append(
            _text(
                60 + width * n / TICKS, HEIGHT - BOTTOM + 16, f"{right * n / TICKS:.3g}", "middle"
            )
        )
    parts.append(_text(60 + width / 2, HEIGHT - 4, f"{x_name} (up: {y_name})", "middle"))
    for n, row in enumerate(rows):
        path = "L".join(
            f"{60 + width * x / right:.1f} {TOP + height * (1 - y / top):.1f}"
            for x, y in row.points
        )
        parts.append(f'<path class="line l{n % 8}" d="M{path}"/>')
        parts.append(
            f'<rect class="s{n % 8}" x="60" y="{HEIGHT + 18 * n}" width="12" height="12"/>'
        )
        parts.append(_text(78, HEIGHT + 18 * n + 10, row.label, "start"))
    return Markup("".join([*parts, "</svg>"]))


def _open(title: str, height: float) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
