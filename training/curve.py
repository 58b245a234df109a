"""The learning curve: one JSON line for every few steps, and a drawing of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import charts

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
    """SVG of shares over the hours of audio seen. Raises ValueError where there are none."""
    rows = [
        charts.Line(
            name.replace("_", " "),
            tuple(charts.Point(line["audio_hours"], line[name]) for line in lines if name in line),
        )
        for name in names
    ]
    shown = [row for row in rows if row.points]
    return charts.alone(charts.lines(shown, "Learning curve", "hours of audio seen", "share"))
