"""What every command shares: tables and progress on the terminal, JSON in a file."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from benchmarks.datasets.types import DatasetMissing
from benchmarks.formats.types import FormatError
from benchmarks.peers.types import PeerUnavailable
from benchmarks.records import write_json
from benchmarks.runner import RunProgress
from benchmarks.sound import SoundMissing

JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures to FILE.")
]
EXPECTED = (DatasetMissing, SoundMissing, FormatError, PeerUnavailable, ValueError)

SECRET = "--api-key"
HIDDEN = "HIDDEN"

UNBOUNDED = 10_000


def _width() -> int | None:
    """None: as wide as the terminal, or COLUMNS. In a file or a pipe no table is folded."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else UNBOUNDED


screen = Console(width=_width())
aside = Console(stderr=True)


@contextmanager
def explained() -> Iterator[None]:
    """What a user can mend ends the command with one sentence and status 2, without a stack."""
    try:
        yield
    except EXPECTED as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """One sentence on standard error, then status 2."""
    aside.print(message, style="bold red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(2)


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> None:
    """A table; the first `texts` columns are text, the others are figures."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for n, column in enumerate(columns):
        table.add_column(column, justify="left" if n < texts else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    screen.print(table)


def note(text: str) -> None:
    """A line beside the figures, on standard error."""
    aside.print(text, highlight=False, markup=False, soft_wrap=True)


def save(path: Path | None, content: Any) -> None:
    """Writes `content` where `--json` says."""
    if path is not None:
        write_json(path, content)
        note(f"figures are in {path}")


def command_line() -> str:
    """The command as it was typed, for the report; without the key of a server."""
    words = list(sys.argv[1:])
    for n, word in enumerate(words):
        if word == SECRET and n + 1 < len(words):
            words[n + 1] = HIDDEN
        elif word.startswith(f"{SECRET}="):
            words[n] = f"{SECRET}={HIDDEN}"
    return "python -m benchmarks " + shlex.join(words)


class Bars(RunProgress):
    """Progress of a run: a bar with the time left, and a line for what fails."""

    def __init__(self, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=aside,
            disable=total == 0,
        )
        self._total = total
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        self._progress.start()
        self._task = self._progress.add_task("recordings", total=self._total)
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def started(self, system: str, item: str) -> None:
        assert self._task is not None
        self._progress.update(self._task, description=f"{system}: {item}")

    def done(self, system: str, item: str, error: str | None) -> None:
        assert self._task is not None
        if error is not None:
            note(f"{system}: {item} failed: {error}")
        self._progress.advance(self._task)

    def failed(self, system: str, message: str) -> None:
        note(f"{system}: {message}")
