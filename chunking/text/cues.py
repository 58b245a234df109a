"""Segments to subtitles: short enough for the screen, on it long enough to be read.

Breaks between words only and never inside a character; a word longer than a line has a line of
its own. Writes no file format.
"""

from __future__ import annotations

import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf

from chunking.options import CueOptions
from chunking.packed import Packed
from chunking.text.breaks import best_break, can_break
from chunking.types import Segment, Word

LONGEST_HOLD = 1.0
"""A cue leaves so many seconds after its last word, read or not: in silence, in music."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What is on screen from `start` to `end`: one or more lines without outer blanks."""

    start: float
    end: float
    lines: tuple[str, ...]
    words: tuple[Word, ...]
    channel: int | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def to_cues(segments: Iterable[Segment], options: CueOptions | None = None) -> Iterator[Cue]:
    """`segments` as subtitles, in order; blank ones are left out.

    Cues of one channel follow each other without overlap as long as the segments do.
    """
    options = options or CueOptions()
    cues = Packed(cue for segment in segments for cue in _split(segment, options))
    for cue, limit in zip(cues, _limits(cues), strict=True):
        yield _hold(cue, limit, options)


def _limits(cues: Iterable[Cue]) -> Sequence[float]:
    """For each cue, when the next one of its channel begins."""
    limits = array("d")
    last: dict[int | None, int] = {}
    for number, cue in enumerate(cues):
        if cue.channel in last:
            limits[last[cue.channel]] = cue.start
        last[cue.channel] = number
        limits.append(inf)
    return limits


def _split(segment: Segment, options: CueOptions) -> list[Cue]:
    cues: list[Cue] = []
    rest = segment.words
    while rest:
        longest = _longest(rest, options)
        size = longest if longest == len(rest) else best_break(rest[: longest + 1]) or 1
        words, rest = rest[:size], rest[size:]
        lines = break_lines(words, options)
        if lines:
            end = min(max(words[-1].end, words[0].start), words[0].start + options.max_duration)
            cues.append(Cue(words[0].start, end, lines, words, segment.channel))
    return cues


def _longest(words: Sequence[Word], options: CueOptions) -> int:
    """How many of `words`, one at least, fit into a cue; looks at no more than twice as many."""
    most = 2
    while most < len(words) and _fits(words[:most], options):
        most *= 2
    sizes = range(2, min(most, len(words)) + 1)
    return 1 + bisect_left(sizes, True, key=lambda size: not _fits(words[:size], options))


def _fits(words: Sequence[Word], options: CueOptions) -> bool:
    if words[-1].end - words[0].start > options.max_duration:
        return False
    lines = _fill(_atoms(words), options.max_line_length)
    return len(lines) <= options.max_lines and _widest(lines) <= options.max_line_length


def break_lines(words: Sequence[Word], options: CueOptions) -> tuple[str, ...]:
    """`words` in as few lines as they need, the lines as equal in length as they can be."""
    atoms = _atoms(words)
    fewest = len(_fill(atoms, options.max_line_length))

    def is_enough(width: int) -> bool:
        lines = _fill(atoms, width)
        return len(lines) <= fewest and _widest(lines) <= width

    narrower = range(1, options.max_line_length)
    return _fill(atoms, 1 + bisect_left(narrower, True, key=is_enough))


def _fill(atoms: Sequence[str], width: int) -> tuple[str, ...]:
    """Lines of at most `width` columns where that is possible."""
    lines: list[str] = []
    line = ""
    for atom in atoms:
        if line and columns((line + atom).strip()) > width:
            lines.append(line)
            line = atom
        else:
            line += atom
    stripped = (" ".join(text.split()) for text in (*lines, line))
    return tuple(text for text in stripped if text)


def _atoms(words: Sequence[Word]) -> list[str]:
    """Runs of words between which a line may break."""
    atoms: list[str] = []
    for index, word in enumerate(words):
        if index and not can_break(words[index - 1], word):
            atoms[-1] += word.text
        else:
            atoms.append(word.text)
    return atoms


def _widest(lines: Sequence[str]) -> int:
    return max(map(columns, lines), default=0)


def columns(text: str) -> int:
    """Width of `text` on screen: two for wide letters, none for marks."""
    return len(text) if text.isascii() else sum(map(_width, text))


@cache
def _width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _hold(cue: Cue, following: float, options: CueOptions) -> Cue:
    """`cue` on screen until it can be read, unless the next cue, the longest time or a second of
    silence is first."""
    needed = max(sum(map(columns, cue.lines)) / options.reading_speed, options.min_duration)
    longest = min(cue.start + options.max_duration, following, cue.end + LONGEST_HOLD)
    end = max(cue.end, min(cue.start + needed, longest))
    return Cue(cue.start, end, cue.lines, cue.words, cue.channel)
