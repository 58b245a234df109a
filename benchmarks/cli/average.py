"""`benchmarks average`: one figure over several data sets, as leaderboards print it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.cli import selection as choose
from benchmarks.cli.output import JsonFile, explained, fail, note, save, show
from benchmarks.evaluation import SystemEvaluation, evaluate, macro_average
from benchmarks.records import RunRecord, read_run
from benchmarks.reports import figures


def average(
    reports: Annotated[list[Path], typer.Argument(help="report.json of a run on each data set.")],
    normalizer: Annotated[
        str | None,
        typer.Option(
            "--normalizer",
            "-n",
            help=f"{choose.NORMALIZER_NAMES}; each run's own first one if not given.",
        ),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Average the word error rates of finished runs over their data sets. Decodes nothing.

    Within a set errors and words are pooled; over sets the plain mean of the rates is taken, so
    that a small set counts as much as a large one. A system without every set has no average.

        benchmarks average runs/earnings21/report.json runs/tedlium/report.json
    """
    with explained():
        if len({path.resolve() for path in reports}) < len(reports):
            fail("the same report was given twice: one run for each data set is wanted")
        runs = [read_run(path) for path in reports]
        rows = _rows(runs, normalizer)
    names = _names(reports, runs)
    used = sorted({e.normalizer for row in rows.values() for e in row if e})
    show(
        f"Word error rate, normaliser {', '.join(used)}",
        ("System", *names, "Average"),
        [
            (system, *map(figures.percent, _rates(row)), figures.percent(macro_average(row)))
            for system, row in rows.items()
        ],
    )
    if len(used) > 1:
        note("Warning: the runs were scored with different normalisers; name one with -n")
    save(json, [_figures(system, row, names) for system, row in rows.items()])


Row = list[SystemEvaluation | None]
"""One system's evaluation on each data set, None where it was not measured."""


def _rows(runs: Sequence[RunRecord], normalizer: str | None) -> dict[str, Row]:
    found = [
        {s.name: evaluate(s, normalizer or run.normalizers[0]) for s in run.systems} for run in runs
    ]
    systems = dict.fromkeys(name for by_name in found for name in by_name)
    return {system: [by_name.get(system) for by_name in found] for system in systems}


def _names(reports: Sequence[Path], runs: Sequence[RunRecord]) -> list[str]:
    """Names of the data sets, or of the runs' folders where two sets have one name."""
    names = [run.dataset for run in runs]
    if len(set(names)) < len(names):
        return [path.resolve().parent.name for path in reports]
    return names


def _rates(row: Row) -> list[float | None]:
    return [evaluation.counts.error_rate if evaluation else None for evaluation in row]


def _figures(system: str, row: Row, names: Sequence[str]) -> dict[str, Any]:
    return {
        "system": system,
        "sets": [
            {
                "set": name,
                "wer": rate,
                "reference_words": evaluation.counts.reference_length if evaluation else None,
                "normalizer": evaluation.normalizer if evaluation else None,
            }
            for name, rate, evaluation in zip(names, _rates(row), row, strict=True)
        ],
        "wer": macro_average(row),
    }
