"""What a person at a terminal sees: a progress bar on standard error, and the coverage report.

Never writes to standard output: that belongs to the transcript.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, get_args

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from chunking.types import Coverage, Redecoded, SeamStatus, Segment, Span
from transcription.types import Transcript

LISTED = 10  # places of one kind that the report names


def tell(console: Console, text: str, style: str | None = None) -> None:
    """A line as it is, however wide the console is: a path in it stays in one piece."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


class ProgressBars:
    """One bar per file; `bar(name)` gives the `Observer` of one transcription."""

    def __init__(self, console: Console, *, is_shown: bool = True) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[sound]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not is_shown,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def bar(self, name: str) -> FileBar:
        task = self._progress.add_task(name, total=None, sound="listening")
        return FileBar(self._progress, task)


class FileBar:
    """The `Observer` of one file."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._seconds = 0.0

    def ingested(self, seconds: float) -> None:
        self._progress.update(self._task, sound=f"listening, {clock(seconds)}")

    def planned(self, seconds: float, windows: int) -> None:
        self._seconds = seconds
        self._progress.update(self._task, total=windows, sound=f"of {clock(seconds)}")

    def decoded(self, windows: int, seconds: float) -> None:
        whole = clock(self._seconds) if self._seconds else "a file that is still being read"
        sound = f"{clock(seconds)} of {whole}"
        self._progress.update(self._task, completed=windows, sound=sound)

    def segments(self, segments: Sequence[Segment]) -> None:
        """The bar shows how far we are, not what was said."""

    def remove(self) -> None:
        """The file is done: make room."""
        self._progress.remove_task(self._task)


def clock(seconds: float) -> str:
    """0:07, 12:30 or 1:02:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def report(transcript: Transcript) -> str:
    """The coverage report in words: what is certain in this transcript, and what is not."""
    coverage = transcript.coverage
    lines = [
        f"sound            {clock(transcript.duration)}, {transcript.windows} windows decoded",
        f"speech           {coverage.speech_seconds:.1f} s heard by the second detector",
        f"without words    {coverage.uncovered_seconds:.1f} s{_where(coverage.uncovered)}",
        f"doubtful words   {len(coverage.doubtful)}{_where(coverage.doubtful)}",
        f"seams            {_seams(coverage)}",
        f"decoded again    {_again(coverage.redecoded)}",
        f"cut short        {len(coverage.truncated)}{_where(coverage.truncated)}",
    ]
    return "\n".join([*lines, *(f"warning          {text}" for text in transcript.warnings)])


def _seams(coverage: Coverage) -> str:
    if not coverage.seams:
        return "none"
    counts = [(status, coverage.seams_with(status)) for status in get_args(SeamStatus)]
    told = ", ".join(f"{count} {status}" for status, count in counts if count)
    doubtful = [clock(seam.time) for seam in coverage.seams if seam.status == "uncertain"]
    return told + (f"; uncertain{_listed(doubtful)}" if doubtful else "")


def _again(redecoded: Sequence[Redecoded]) -> str:
    """How many stretches, in vain or not, and why."""
    vain = sum(not entry.words for entry in redecoded)
    told = [f"{_span(entry)} ({entry.reason}, {entry.words} words)" for entry in redecoded]
    return f"{len(redecoded)}" + (f", {vain} in vain" if vain else "") + _listed(told)


def _where(spans: Sequence[Span]) -> str:
    return _listed([_span(span) for span in spans])


def _span(span: Span | Redecoded) -> str:
    return f"{clock(span.start)}-{clock(span.end)}"


def _listed(places: Sequence[str]) -> str:
    if not places:
        return ""
    more = len(places) - LISTED
    return f" at {', '.join(places[:LISTED])}" + (f" and {more} more" if more > 0 else "")
