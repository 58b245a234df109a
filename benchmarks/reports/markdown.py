"""The report as Markdown tables, to paste into an issue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.normalizers import NORMALIZERS
from benchmarks.reports import figures
from benchmarks.reports.types import Assessment


def render_markdown(assessment: Assessment) -> str:
    """Accuracy under each normaliser, then cost, symptoms, comparisons and how it was measured."""
    run = assessment.run
    lines = [f"# {run.dataset}", "", f"{run.created}, `{run.command}`", ""]
    for name, evaluations in zip(assessment.normalizers, assessment.evaluations, strict=True):
        lines += [f"## Accuracy, normaliser {name}", "", f"{NORMALIZERS[name].summary}.", ""]
        lines += _warned({e.warning for e in evaluations if e.warning})
        lines += table(figures.ACCURACY_COLUMNS, map(figures.accuracy_row, evaluations))
    first = assessment.evaluations[0]
    lines += ["## Cost", "", *table(figures.COST_COLUMNS, map(figures.cost_row, first))]
    lines += ["## Symptoms", "", *table(figures.SYMPTOM_COLUMNS, map(figures.symptom_row, first))]
    if assessment.duels:
        lines += ["## Compared on the same words", ""]
        lines += ["A negative difference means that the system named first is better.", ""]
        lines += table(figures.DUEL_COLUMNS, map(figures.duel_row, assessment.duels))
    lines += ["## How it was measured", ""]
    lines += [f"- {name}: {value}" for name, value in run.machine.items()]
    for system in run.systems:
        facts = {**system.settings, **system.versions}
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        lines.append(f"- {system.name}: {told}")
    lines += [f"- {note}" for note in run.notes]
    lines += [f"- failed: {failure}" for failure in assessment.failures]
    return "\n".join(lines) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A pipe table and the empty line after it."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [*lines, ""]


def _warned(warnings: Iterable[str]) -> list[str]:
    return [line for warning in warnings for line in (f"> **Warning:** {warning}", "")]
