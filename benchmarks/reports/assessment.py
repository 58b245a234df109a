"""A run with all its figures: each system under each normaliser, and each against the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.evaluation import Duel, SystemEvaluation, duel, evaluate, summary
from benchmarks.records import RunRecord, write_json
from benchmarks.reports.html import render_html
from benchmarks.reports.markdown import render_markdown
from benchmarks.reports.types import Assessment


def assess(run: RunRecord, normalizers: Sequence[str] = ()) -> Assessment:
    """Scores `run`; without names, with the normalisers that it was measured with."""
    names = tuple(normalizers) or run.normalizers
    by_normalizer = tuple(tuple(evaluate(system, name) for system in run.systems) for name in names)
    return Assessment(run, names, by_normalizer, _duels(by_normalizer[0]))


def _duels(evaluations: Sequence[SystemEvaluation]) -> tuple[Duel, ...]:
    """Every other system against the first, where the two share recordings."""
    duels = []
    for other in evaluations[1:]:
        try:
            duels.append(duel(other, evaluations[0]))
        except ValueError:
            continue
    return tuple(duels)


def to_json(assessment: Assessment) -> dict[str, Any]:
    """The run and, under "scores" and "comparisons", its figures."""
    return {
        **assessment.run.to_json(),
        "scores": [summary(e) for row in assessment.evaluations for e in row],
        "comparisons": [asdict(duel) for duel in assessment.duels],
    }


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """Where the three forms lie."""

    json: Path
    markdown: Path
    html: Path


def write_report(assessment: Assessment, folder: Path) -> WrittenReport:
    """report.json, report.md and report.html in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = WrittenReport(folder / "report.json", folder / "report.md", folder / "report.html")
    write_json(written.json, to_json(assessment))
    written.markdown.write_text(render_markdown(assessment), encoding="utf-8")
    written.html.write_text(render_html(assessment), encoding="utf-8")
    return written
