"""Style that stays: stretches without punctuation or capitals, and changes of script.

Windows do not see each other, so that one of them may be written in another style than the rest.
Judges how words are written, not which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from benchmarks.human.study import Heard
from benchmarks.text_language import script_of

STRETCH_SECONDS: Final = 30.0
"""About a window, the same for systems that do not tell theirs."""
FEWEST_WORDS: Final = 20
MARKS: Final = frozenset(".,;:?!…。，、；：？！।؟،")


@dataclass(frozen=True, slots=True)
class Style:
    """Of `stretches` of twenty words or more, those `without_marks` and `without_capitals` (where
    letters have them), and the changes of script from one to the next of a recording."""

    stretches: int = 0
    without_marks: int = 0
    without_capitals: int = 0
    script_changes: int = 0

    def __add__(self, other: Style) -> Style:
        return Style(
            self.stretches + other.stretches,
            self.without_marks + other.without_marks,
            self.without_capitals + other.without_capitals,
            self.script_changes + other.script_changes,
        )


def style_of(recordings: Iterable[Heard]) -> Style:
    """Pools recordings of speech."""
    return sum((_style(_stretches(heard)) for heard in recordings), Style())


def _style(texts: list[str]) -> Style:
    scripts = [script for text in texts if (script := script_of(text)) is not None]
    return Style(
        stretches=len(texts),
        without_marks=sum(not MARKS.intersection(text) for text in texts),
        without_capitals=sum(text == text.lower() != text.upper() for text in texts),
        script_changes=sum(before != after for before, after in pairwise(scripts)),
    )


def _stretches(heard: Heard) -> list[str]:
    """The text of every thirty seconds that hold enough words."""
    found = heard.record.heard
    stretches: dict[int, list[str]] = defaultdict(list)
    for word in found.words if found else ():
        stretches[int(word.start // STRETCH_SECONDS)].append(word.text)
    return [" ".join(words) for words in stretches.values() if len(words) >= FEWEST_WORDS]
