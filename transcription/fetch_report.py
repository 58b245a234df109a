"""What is said while a model is fetched: a bar on a terminal, plain lines elsewhere.

Everything goes to standard error; nothing here fetches.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

Moved = Callable[[int], None]
LINES = 10  # of one download, where there is no terminal
MB = 1_000_000


class FetchReport(Protocol):
    """Who is told."""

    def tell(self, sentence: str) -> None:
        """Something that the user should know."""
        ...

    def download(self, what: str, total_bytes: int) -> AbstractContextManager[Moved]:
        """A download begins; the callable takes the bytes that have come so far."""
        ...


class Silent:
    """Tells nobody."""

    def tell(self, sentence: str) -> None:
        del sentence

    def download(self, what: str, total_bytes: int) -> AbstractContextManager[Moved]:
        del what, total_bytes
        return nullcontext(lambda _: None)


class ConsoleReport:
    """Tells the person at a terminal, or the file that standard error goes to."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr)  # also while it is redirected

    def tell(self, sentence: str) -> None:
        self._console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def download(self, what: str, total_bytes: int) -> Iterator[Moved]:
        if self._console.is_terminal:
            with self._bar(what, total_bytes) as moved:
                yield moved
        else:
            self.tell(f"fetching {what}: {total_bytes / MB:.0f} MB")
            yield _Lines(self, total_bytes)

    @contextmanager
    def _bar(self, what: str, total_bytes: int) -> Iterator[Moved]:
        self.tell(f"fetching {what}")
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(*columns, TransferSpeedColumn(), console=self._console) as progress:
            task = progress.add_task("fetching", total=total_bytes)
            yield lambda done: progress.update(task, completed=done)


class _Lines:
    """One line for every tenth of a download."""

    def __init__(self, report: FetchReport, total_bytes: int) -> None:
        self._report = report
        self._total = total_bytes
        self._told = 0

    def __call__(self, done: int) -> None:
        tenth = LINES * done // self._total
        if tenth > self._told:
            self._told = tenth
            self._report.tell(f"  {done / MB:.0f} of {self._total / MB:.0f} MB")
