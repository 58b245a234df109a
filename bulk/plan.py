"""Which lines of an input are to do, and a look at all of them before anything is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bulk.entries import Entry
from bulk.index import Index, key_of
from bulk.manifest import BrokenLine, Input, Line
from bulk.results import Results

LISTED = 10
BROKEN = "broken_line"


class SameId(ValueError):
    """Lines of a manifest have the same id, so that one result would be in another's place."""


@dataclass(slots=True)
class Survey:
    """Counts of lines: `done` and `failed` before this run, `broken` ones, and those `to_do`.

    Of those done, `of_others` were done with another model or other options than this run's.
    """

    done: int = 0
    of_others: int = 0
    failed: int = 0
    broken: int = 0
    to_do: int = 0

    @property
    def total(self) -> int:
        return self.done + self.failed + self.broken + self.to_do

    def __str__(self) -> str:
        return (
            f"{self.total:,} recordings: {self.to_do:,} to do, {self.done:,} done, "
            f"{self.failed:,} failed before, {self.broken:,} broken lines"
        )

    @property
    def warning(self) -> str | None:
        """What to know before all else is done, if anything."""
        if not self.of_others:
            return None
        return (
            f"{self.of_others:,} of those done are of another model, other options or another "
            "version; --overwrite transcribes everything again, another --output keeps both"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Which lines are to do: those that the index does not know, and others as asked."""

    source: Input
    index: Index
    results: Results
    retry_failed: bool = False
    overwrite: bool = False
    checks_results: bool = True  # whether a look at one costs next to nothing

    def survey(self) -> Survey:
        """Go through all lines. Raises `SameId`, naming the lines."""
        found, ids = Survey(), _Ids()
        for line in self.source.lines():
            if isinstance(line, BrokenLine):
                found.broken += 1
                continue
            ids.add(line)
            if self.is_to_do(line):
                found.to_do += 1
            elif self.index.status_of(line.id) == "failed":
                found.failed += 1
            else:
                found.done += 1
                found.of_others += self.index.is_of_others(line.id)
        ids.check()
        return found

    def to_do(self) -> Iterator[Line]:
        for line in self.source.lines():
            if isinstance(line, Line) and self.is_to_do(line):
                yield line

    def is_to_do(self, line: Line) -> bool:
        status = self.index.status_of(line.id)
        if self.overwrite or status is None:
            return True
        if status == "failed":
            return self.retry_failed
        return self.checks_results and not self.results.exists(line.id)

    def entries(self) -> Iterator[Entry]:
        """The index of these lines, in their order; what is not known yet is left out."""
        for line in self.source.lines():
            if isinstance(line, BrokenLine):
                problem = f"line {line.number}: {line.problem}"
                yield Entry(line.number, "failed", error_code=BROKEN, error=problem)
            elif (entry := self.index.find(line.id)) is not None:
                yield replace(entry, line=line.number)


@dataclass(slots=True)
class _Ids:
    """Where each id stands, as 64 bits of it."""

    lines: dict[int, int] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, line: Line) -> None:
        first = self.lines.setdefault(key_of(line.id), line.number)
        if first != line.number:
            self.count += 1
            if len(self.twice) < LISTED:
                self.twice.append(f"{line.id!r} on lines {first} and {line.number}")

    def check(self) -> None:
        if self.count:
            more = self.count - len(self.twice)
            told = "; ".join(self.twice) + (f"; and {more} more" if more else "")
            raise SameId(f"the same id twice: {told}")
