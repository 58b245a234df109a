"""How long a word can have been spoken for, judged by its letters alone.

Recognisers stretch a word over whatever they skipped: a word whose end merely touches the next
one may hide a sentence. Nothing here looks at sound.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from chunking.types import Span, Word

LEAD = 0.6
PER_LETTER = 0.1
WIDE_LETTER = 3
DIGIT = 4

_REMEMBERED_TEXTS = 4096


def longest_plausible(text: str) -> float:
    """Seconds that a slow speaker needs for `text`."""
    return LEAD + PER_LETTER * letters(text)


@lru_cache(_REMEMBERED_TEXTS)
def letters(text: str) -> int:
    """How much there is to say, in letters: wide ones say more, digits are read out as words."""
    return sum(_weight(letter) for letter in text)


def _weight(letter: str) -> int:
    category = unicodedata.category(letter)
    if category.startswith("N") or category == "Sc":
        return DIGIT
    if not category.startswith(("L", "M")):
        return 0
    return WIDE_LETTER if unicodedata.east_asian_width(letter) in "WF" else 1


def is_overlong(word: Word) -> bool:
    """Whether `word` lasts longer than it can have been spoken for."""
    return word.end - word.start > longest_plausible(word.text)


def focus(word: Word) -> float:
    """The moment that decides where a word belongs: its middle, near its start if overlong."""
    return word.start + min(word.end - word.start, longest_plausible(word.text)) / 2


def extent(word: Word) -> Span:
    """The word's span, cut to what is plausible."""
    return Span(word.start, min(word.end, word.start + longest_plausible(word.text)))
