"""What makes two words "the same" across windows, and the units in which that is asked.

Words are compared without case, width and punctuation but with their marks: a vowel sign is not
decoration. Scripts written without spaces are compared by grapheme, because two windows may
cut the same sentence into different words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex  # type: ignore[import-untyped]  # ships no types
from rapidfuzz.distance import Levenshtein

from chunking.types import Word

SPACELESS_LANGUAGES = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})

_STRIPPED_CATEGORIES = ("P", "Z", "C")
_GRAPHEME = regex.compile(r"\X")


@lru_cache(maxsize=8192)
def key(text: str) -> str:
    """`text` as it is compared: NFKC, case folded, no punctuation or blanks, marks kept.

    Text that is nothing but punctuation keeps it: its key is never empty unless `text` is blank.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(letter for letter in folded if not _is_stripped(letter))
    return unicodedata.normalize("NFKC", bare) or folded.strip()


def split_graphemes(text: str) -> list[str]:
    """What readers call characters."""
    return list(_GRAPHEME.findall(text))


def breaks_grapheme(before: str, after: str) -> bool:
    """Whether a cut between `before` and `after` would tear one character apart."""
    if not before or not after:
        return False
    tail = split_graphemes(before)[-1]
    return len(split_graphemes(tail + after[0])) == 1


def _is_stripped(letter: str) -> bool:
    return unicodedata.category(letter).startswith(_STRIPPED_CATEGORIES)


@dataclass(frozen=True, slots=True)
class Unit:
    """What the alignment compares; it lies in the words `first`..`last` of its list."""

    key: str
    start: float
    end: float
    first: int
    last: int

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def to_units(words: Sequence[Word], *, by_grapheme: bool) -> list[Unit]:
    """The units of `words`: the words themselves, or their graphemes with times shared out."""
    if by_grapheme:
        return _grapheme_units(words)
    return [
        Unit(key(word.text), word.start, word.end, index, index) for index, word in enumerate(words)
    ]


def _grapheme_units(words: Sequence[Word]) -> list[Unit]:
    owners = [(index, place) for index, word in enumerate(words) for place in range(len(word.text))]
    units: list[Unit] = []
    position = 0
    for grapheme in split_graphemes("".join(word.text for word in words)):
        first, place = owners[position]
        position += len(grapheme)
        last, last_place = owners[position - 1]
        name = key(grapheme)
        if not name or _is_stripped(grapheme[0]):
            continue
        start = _time_at(words[first], place)
        units.append(
            Unit(name, start, max(start, _time_at(words[last], last_place + 1)), first, last)
        )
    return units


def _time_at(word: Word, place: int) -> float:
    return word.start + (word.end - word.start) * place / len(word.text)


def similarity(left: str, right: str) -> float:
    """1 minus the edit distance over the longer length; 0 if there is nothing to compare."""
    return Levenshtein.normalized_similarity(left, right) if left or right else 0.0
