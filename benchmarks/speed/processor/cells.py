"""Figures as cells of two lines: the median, and below it the least and the most.

So a row has room in 80 columns, on a terminal and in a pipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.evaluation import evaluate_file
from benchmarks.normalizers import ENGLISH, normalizer_named
from benchmarks.records import FileRecord
from benchmarks.reports.figures import ABSENT
from benchmarks.scoring import Counts
from benchmarks.speed.types import Spread


def spread_cell(values: Sequence[float], unit: str = "") -> str:
    """Three figures of each; a single value has no range."""
    if not values:
        return ABSENT
    spread = Spread.of(list(values))
    middle = f"{figure(spread.median)}{unit}"
    if len(values) == 1:
        return middle
    return f"{middle}\n{figure(spread.least)}-{figure(spread.most)}"


def figure(value: float) -> str:
    """With three digits that count, or all before the point."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f}"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """How many times what we need each of `theirs` needs, round by round."""
    return [other / own for own, other in zip(ours, theirs, strict=False) if own > 0]


def counts_of(records: Iterable[FileRecord]) -> Counts:
    """Words right and wrong in all of them, by the English rules."""
    rules = normalizer_named(ENGLISH)
    return sum((evaluate_file(record, rules).score.words for record in records), Counts())


def errors_cell(counts: Counts) -> str:
    """Words put for others, left out, put in."""
    return f"{counts.substitutions}/{counts.deletions}/{counts.insertions}"
