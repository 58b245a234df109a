"""The nouns of the speed benchmark: what is run, what one run gave, what all runs gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, Protocol

SystemName = Literal["ours", "openai-whisper", "ctranslate2", "transformers"]


@dataclass(frozen=True, slots=True)
class WindowWork:
    """Windows of 30 s decoded with beams, timestamps on, exactly `tokens` tokens each.

    `checkpoint` is a file of openai-whisper's format; `precision` by the system's own names.
    `cache`: folder of converted checkpoints.
    """

    system: SystemName
    checkpoint: str
    device: str
    precision: str
    batch: int
    beam_size: int
    tokens: int
    threads: int
    cache: str | None = None

    @property
    def label(self) -> str:
        return f"{self.system} {self.precision}"


@dataclass(frozen=True, slots=True)
class FileWork:
    """A whole file, word times included, by a recogniser of `benchmarks.peers`."""

    kind: str
    model: str
    device: str
    precision: str
    batch: int
    beam_size: int
    threads: int
    audio: str

    @property
    def label(self) -> str:
        return f"{self.kind} {self.precision}"


@dataclass(frozen=True, slots=True)
class Done:
    """What one run worked on: seconds of sound, windows, tokens where known, and its answers."""

    audio_seconds: float
    windows: int
    tokens: int | None
    answers: tuple[Any, ...] = ()


class Runnable(Protocol):
    """An opened system with its work laid out; each call does all of the work once."""

    def __call__(self) -> Done: ...


Opener = Callable[[], Runnable]


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. `cpu` counts the process and the children that it waited for, in seconds.

    Peaks are the most bytes of memory, and of device memory, since the process began.
    """

    done: Done
    wall: float
    cpu: float
    peak_memory: int
    peak_device_memory: int | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def to_json(self) -> dict[str, float]:
        return {"median": self.median, "min": self.least, "max": self.most}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the report: `wall` and `cpu` are seconds per window, memory is in bytes.

    `problem`: why there are no figures.
    """

    label: str
    settings: Mapping[str, Any]
    wall: Spread | None = None
    cpu: Spread | None = None
    audio_seconds: float = 0.0
    windows: int = 0
    tokens: int | None = None
    peak_memory: int = 0
    peak_device_memory: int | None = None
    answers: tuple[Any, ...] = ()
    problem: str | None = None

    @property
    def rtfx(self) -> float | None:
        """Seconds of sound per second of wall time."""
        return self.audio_seconds / self.windows / self.wall.median if self.wall else None

    @property
    def rtfx_cpu(self) -> float | None:
        """Seconds of sound per second of processor time."""
        return self.audio_seconds / self.windows / self.cpu.median if self.cpu else None

    @property
    def tokens_per_second(self) -> float | None:
        if self.tokens is None or self.wall is None:
            return None
        return self.tokens / self.windows / self.wall.median
