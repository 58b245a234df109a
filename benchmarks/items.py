"""One recording with its reference, whichever data set it came from.

A recording may be a whole file, a stretch of one, or clips joined with silence between them.
Sound is described here, and cut and joined in `sound.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.formats.types import TimedWord


@dataclass(frozen=True, slots=True)
class AudioPart:
    """A stretch of a file, in seconds; `end` None: to its end. `gap`: silence after it."""

    path: Path
    start: float = 0.0
    end: float | None = None
    gap: float = 0.0

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end < self.start) or self.gap < 0:
            raise ValueError(f"a part starts at 0 or later and does not end before: {self}")

    @property
    def is_whole(self) -> bool:
        return self.start == 0.0 and self.end is None


@dataclass(frozen=True, slots=True)
class Item:
    """A recording to transcribe and what is said in it.

    `has_choices`: `reference` holds `{ a / b }` (benchmarks/markup.py). `words`: reference words
    with times on the joined recording's clock, where the data set has them. `is_trimmed`: what
    voice activity detection calls silence is cut out, as the seed experiment did.
    """

    name: str
    parts: tuple[AudioPart, ...]
    reference: str
    language: str = "en"
    has_choices: bool = False
    words: tuple[TimedWord, ...] = ()
    is_trimmed: bool = False

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError(f"{self.name} has no sound")

    @property
    def is_one_file(self) -> bool:
        """Whether the sound is a file as it lies there."""
        return len(self.parts) == 1 and self.parts[0].is_whole and not self._is_changed

    @property
    def _is_changed(self) -> bool:
        return self.is_trimmed or self.parts[0].gap > 0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "parts": [[str(p.path), p.start, p.end, p.gap] for p in self.parts],
            "reference": self.reference,
            "language": self.language,
            "has_choices": self.has_choices,
            "words": words_to_json(self.words),
            "is_trimmed": self.is_trimmed,
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Item:
        return cls(
            name=row["name"],
            parts=tuple(AudioPart(Path(path), *rest) for path, *rest in row["parts"]),
            reference=row["reference"],
            language=row["language"],
            has_choices=row["has_choices"],
            words=words_from_json(row["words"]),
            is_trimmed=row["is_trimmed"],
        )


def words_to_json(words: tuple[TimedWord, ...]) -> list[list[Any]]:
    """`[text, start, end]` for each word; short, because a report holds tens of thousands."""
    return [[word.text, round(word.start, 3), round(word.end, 3)] for word in words]


def words_from_json(rows: list[list[Any]]) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(text, start, end) for text, start, end in rows)
