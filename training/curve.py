"""The learning curve: one JSON line for every few steps, and a drawing of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, HEIGHT = 900, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 180, 20, 50
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44", "#7b4b94", "#b8860b")
SHOWN = (
    "token_accuracy",
    "frame_word_accuracy",
    "phoneme_accuracy",
    "timestamp_accuracy",
)


class CurveLog:
    """Means of what `note` is told, appended to a JSON-lines file by `write`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted: dict[str, list[float]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)

    def rewind(self, step: int) -> None:
        """Forget what came after `step`: a killed run goes on from its last checkpoint."""
        if not self._path.exists():
            return
        whole, _, _torn = self._path.read_text(encoding="utf-8").rpartition("\n")
        kept = [line for line in whole.splitlines() if json.loads(line)["step"] <= step]
        self._path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def note(self, shown: Mapping[str, float]) -> None:
        for name, value in shown.items():
            if math.isfinite(value):
                self._noted.setdefault(name, []).append(value)

    def write(self, position: Mapping[str, float]) -> dict[str, float]:
        """One line: where the run is, and the means since the last line."""
        means = {name: sum(values) / len(values) for name, values in self._noted.items()}
        line = {k: round(v, 5) for k, v in {**position, **means}.items()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._noted = {}
        return line


def read_curve(path: Path) -> list[dict[str, float]]:
    """The lines of a curve's log."""
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line]


def drawn_curve(lines: Sequence[Mapping[str, float]], names: Sequence[str] = SHOWN) -> str:
    """SVG of shares (0 to 1) over the hours of audio seen."""
    if not lines:
        raise ValueError("there is nothing to draw: the curve's log is empty")
    last = max(line["audio_hours"] for line in lines) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_grid(last),
    ]
    for index, name in enumerate(names):
        points = [(line["audio_hours"], line[name]) for line in lines if name in line]
        path = " ".join(f"{_x(hours, last):.1f},{_y(value):.1f}" for hours, value in points)
        colour = COLOURS[index % len(COLOURS)]
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        label = name.replace("_", " ")
        place = f'x="{WIDTH - RIGHT + 12}" y="{TOP + 20 + 22 * index}"'
        parts.append(f'<text {place} fill="{colour}">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _grid(last: float) -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>'
        )
    for fifth in range(6):
        hours = last * fifth / 5
        parts.append(
            f'<text x="{_x(hours, last):.1f}" y="{HEIGHT - BOTTOM + 20}" '
            f'text-anchor="middle">{hours:.1f}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">hours of audio seen</text>'
    )
    return parts


def _x(hours: float, last: float) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * hours / last


def _y(share: float) -> float:
    return TOP + (HEIGHT - BOTTOM - TOP) * (1 - share)
