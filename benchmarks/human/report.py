"""A study as tables for the terminal, a note in Markdown, and figures as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.human.other_tables import other_tables
from benchmarks.human.phases import phase_tables
from benchmarks.human.study import Measured, Study
from benchmarks.human.tables import Table, speech_tables
from benchmarks.reports.markdown import table


def tables_of(study: Study) -> tuple[Table, ...]:
    """Every table that has rows."""
    found = (*speech_tables(study), *phase_tables(study), *other_tables(study))
    return tuple(table for table in found if table.rows)


def render_note(study: Study, tables: tuple[Table, ...]) -> str:
    """The note: how it was measured, then every table, then what is missing."""
    run = study.run
    lines = [f"# Human speech, {run.created[:10]}", "", f"    {run.command}", ""]
    lines += [f"- {name}: {value}" for name, value in run.machine.items()]
    for measured in study.systems:
        facts = {**measured.system.settings, **measured.system.versions}
        told = ", ".join(f"{name} {_short(value)}" for name, value in facts.items())
        lines.append(f"- {measured.name}: {told}")
    lines += [f"- {name} was not measured: {reason}" for name, reason in study.absent]
    lines += [f"- not measured: {gap}" for gap in gaps(study)]
    for one in tables:
        lines += ["", f"## {one.title}", "", *table(one.columns, one.rows)]
        lines += [one.note] if one.note else []
    return "\n".join(lines) + "\n"


def _short(value: str) -> str:
    """A path by its name: where weights lie on a machine is nobody's business."""
    return Path(value).name if Path(value).is_absolute() else value


def gaps(study: Study) -> list[str]:
    """For each system how many of the run's recordings it lacks."""
    return [
        f"{len(m.system.files) - len(m.heard)} of {len(m.system.files)} recordings by {_named(m)}"
        for m in (*study.systems, *study.moved)
        if len(m.heard) < len(m.system.files)
    ]


def _named(measured: Measured) -> str:
    phase = measured.system.phase
    return f"{measured.name}, windows moved by {phase:g} s" if phase else measured.name


def to_json(study: Study, tables: tuple[Table, ...]) -> dict[str, Any]:
    """The run as recorded, and under "tables" what the tables say."""
    return {
        **study.run.to_json(),
        "tables": [
            {
                "title": one.title,
                "columns": list(one.columns),
                "rows": [list(row) for row in one.rows],
                "note": one.note,
            }
            for one in tables
        ],
    }
