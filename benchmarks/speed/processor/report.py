"""All parts in order: shown as they are measured, then written down as a note and as figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from benchmarks.cli.output import command_line, note, save, show
from benchmarks.human.tables import Table
from benchmarks.machine import describe_machine, our_source
from benchmarks.reports import markdown
from benchmarks.speed.processor import beside, instructions, lengths, whole
from benchmarks.speed.processor.plan import PARTS, Amount, Part, to_json
from benchmarks.speed.report import PACKAGES, version_of

MEASURES: Final[Mapping[str, Callable[[Amount], Part]]] = dict(
    zip(
        PARTS,
        (whole.measure, lengths.measure, beside.measure, instructions.measure),
        strict=True,
    )
)

NOTE_COLUMNS: Final = 80
PARTS_TOLD: Final = """With `--processor` the whole processor part, in four tables, each figure with
its range over the rounds, which are taken in turns: *whole*: recordings with references by us and
faster-whisper (processor and elapsed seconds, word error rate), and where our seconds go;
*lengths*: what an hour of sound costs in recordings of several lengths, and memory; *beside*: one
recording alone, beside a busy process for each processor, and under quotas of 1 and 2 processors
with the threads that we choose and with the host's number; *instructions*: windows on every
instruction set that the processor can pretend to have, beside CTranslate2. A part uses the largest
of `--threads` and `--batches`, *instructions* all of them, *beside* what each system chooses. What
is measured is kept in the folder `--out`: the same command goes on where it was cut off."""


def parts_named(text: str) -> tuple[str, ...]:
    """`all`, or some with commas. Raises ValueError for a name that no part has."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if names == ("all",):
        return PARTS
    if not names or (unknown := [name for name in names if name not in MEASURES]):
        wrong = unknown[0] if names else text
        raise ValueError(f"no part is called {wrong!r}; there are {', '.join(PARTS)}, and all")
    return names


def run(
    names: Sequence[str], amount: Amount, markdown_file: Path | None, json_file: Path | None
) -> None:
    """The note and the figures are written anew after each part: a part that is cut off costs no
    other's table."""
    found: dict[str, Part] = {}
    known = facts()
    for name in names:
        found[name] = MEASURES[name](amount)
        for one in found[name].tables:
            show(one.title, one.columns, one.rows, texts=one.texts)
            note(fill(one.note, NOTE_COLUMNS))
        if markdown_file is not None:
            markdown_file.write_text(render(found, known), encoding="utf-8")
        save(json_file, _json(found, known))
    if markdown_file is not None:
        note(f"the note is in {markdown_file}")


def facts() -> dict[str, str]:
    """Machine and versions, and how busy others kept it before anything was measured."""
    versions = {name: version_of(name) for name in PACKAGES}
    load = f"{os.getloadavg()[0]:.1f} in the minute before"
    return {**describe_machine(), "load": load, "source": our_source(), **versions}


def render(found: Mapping[str, Part], known: Mapping[str, str]) -> str:
    """The note in Markdown."""
    lines = [f"# Speed on the processor, {date.today().isoformat()}", ""]
    lines += [f"    {command_line()}", "", *(f"- {n}: {value}" for n, value in known.items())]
    for table in (one for part in found.values() for one in part.tables):
        lines += ["", f"## {_flat(table.title)}", "", *_rendered(table)]
    return "\n".join(lines) + "\n"


def _rendered(table: Table) -> list[str]:
    rows = [[cell.replace("\n", "<br>") for cell in row] for row in table.rows]
    return [*markdown.table(table.columns, rows), table.note]


def _flat(title: str) -> str:
    return title.replace("\n", ", ")


def _json(found: Mapping[str, Part], known: Mapping[str, str]) -> dict[str, Any]:
    parts = {name: to_json(part) for name, part in found.items()}
    return {"command": command_line(), "facts": dict(known), "parts": parts}
