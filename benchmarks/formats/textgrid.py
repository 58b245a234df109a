"""Praat's TextGrid, long and short form: intervals of a tier."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.formats.types import FormatError, TimedWord

_VALUE = re.compile(r'"((?:[^"]|"")*)"|(?<![\w"])(-?\d+(?:\.\d+)?)(?![\w"])|<exists>')


@dataclass(frozen=True, slots=True)
class Tier:
    """An interval tier; empty intervals are left out."""

    name: str
    intervals: tuple[TimedWord, ...]


def parse_textgrid(text: str) -> tuple[Tier, ...]:
    """Interval tiers in file order; point tiers are left out.

    Both forms hold the same values in the same order, so only values are read. Array indices
    (`item [1]:`) and field names of the long form are removed first.
    """
    body = re.sub(r"\[\d*\]\s*:?", "", text)
    values = [m.group(1) if m.group(2) is None else m.group(2) for m in _VALUE.finditer(body)]
    if len(values) < 6 or values[0] != "ooTextFile" or values[1] != "TextGrid":
        raise FormatError('a TextGrid starts with File type = "ooTextFile", "TextGrid"')
    try:
        return _tiers([value or "" for value in values], position=5)
    except (IndexError, ValueError) as error:
        raise FormatError("the TextGrid ends early or holds words where times belong") from error


def _tiers(values: list[str], position: int) -> tuple[Tier, ...]:
    tiers = []
    for _ in range(int(values[position])):
        kind, name, count = values[position + 1], values[position + 2], int(values[position + 5])
        width = 3 if kind == "IntervalTier" else 2
        first = position + 6
        rows = [values[first + width * n : first + width * (n + 1)] for n in range(count)]
        if kind == "IntervalTier":
            intervals = tuple(
                TimedWord(label.replace('""', '"').strip(), float(start), float(end))
                for start, end, label in rows
                if label.strip()
            )
            tiers.append(Tier(name, intervals))
        position = first + width * count - 1
    return tuple(tiers)
