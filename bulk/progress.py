"""How far a run is, on standard error: in one line on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console

from bulk.entries import Entry
from transcription.console import clock

HOUR = 3600.0
SECONDS_BETWEEN_LINES = 30.0


@dataclass(slots=True)
class Pace:
    """What was transcribed since the engine was open; `price` is what an hour of it costs."""

    price: float | None = None
    recordings: int = 0
    sound_seconds: float = 0.0
    seconds: float = 0.0

    def figures(self) -> str:
        """Recordings and hours of sound per hour, and what an hour of sound costs."""
        if not self.recordings or not self.seconds:
            return "nothing transcribed yet"
        hours = self.seconds / HOUR
        told = f"{self.recordings / hours:,.0f} recordings/h, "
        told += f"{self.sound_seconds / self.seconds:,.1f} h of sound per hour"
        if self.price is not None and self.sound_seconds:
            cost = self.price * self.seconds / self.sound_seconds
            told += f", {cost:.4f} per hour of sound"
        return told


class Progress:
    """Counts what ends. `total` recordings, `done` of them before this run."""

    def __init__(
        self,
        console: Console,
        *,
        total: int,
        done: int,
        price: float | None = None,
        is_shown: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._total = total
        self._done = done
        self._failed = 0
        self._is_shown = is_shown
        self._clock = clock
        self._began = self._told = clock()
        self._lock = threading.Lock()
        self._status = console.status("") if is_shown and console.is_terminal else None
        self.pace = Pace(price)

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.pace.seconds = self._clock() - self._began
        if self._status:
            self._status.stop()

    def ended(self, entry: Entry, *, is_new: bool) -> None:
        """A recording's end; not `is_new`: its result was there. Called from several threads."""
        with self._lock:
            self._done += 1
            self._failed += not entry.is_completed
            now = self._clock()
            self.pace.seconds = now - self._began
            if is_new and entry.is_completed:
                self.pace.recordings += 1
                self.pace.sound_seconds += entry.duration or 0.0
            self._show(now)

    @property
    def sentence(self) -> str:
        failed = f", {self._failed:,} failed" if self._failed else ""
        return f"{self._done:,}/{self._total:,} done{failed}; {self.pace.figures()}"

    def _show(self, now: float) -> None:
        if self._status:
            self._status.update(self.sentence)
        elif self._is_shown and now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            tell(self._console, self.sentence)


def tell(console: Console, text: str, style: str | None = None) -> None:
    """A line as it is, however wide the console is."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


@dataclass(slots=True)
class Totals:
    """What an index comes to. `options_digest` stands for the model and the options of this run."""

    options_digest: str | None = None
    completed: int = 0
    of_others: int = 0
    sound_seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    reference_words: int = 0

    def add(self, entry: Entry) -> None:
        if entry.is_completed:
            self.completed += 1
            self.of_others += entry.is_of_others(self.options_digest)
            self.sound_seconds += entry.duration or 0.0
            self.errors += entry.errors
            self.reference_words += entry.reference_words or 0
        else:
            self.failures[entry.error_code or "unknown"] += 1

    @property
    def failed(self) -> int:
        return self.failures.total()

    def sentences(self) -> Iterable[str]:
        yield (
            f"{self.completed:,} completed ({clock(self.sound_seconds)} of sound), "
            f"{self.failed:,} failed"
        )
        if self.of_others:
            yield f"{self.of_others:,} of them are of another model, other options or version"
        if self.failures:
            yield "failed: " + ", ".join(f"{n:,} {code}" for code, n in self.failures.most_common())
        if self.reference_words:
            rate = self.errors / self.reference_words
            yield (
                f"word error rate {rate:.2%}: {self.errors:,} errors in "
                f"{self.reference_words:,} words of reference"
            )
