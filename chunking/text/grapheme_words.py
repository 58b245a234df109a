"""Words of scripts without spaces in characters and back, so that a seam may lie inside of one.

Two windows cut the same sentence into other words. Where no two words begin together, a cut between
whole words says some characters twice. Compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from chunking.text.word_keys import split_graphemes
from chunking.types import Word


def to_graphemes(words: Iterable[Word]) -> tuple[Word, ...]:
    """Each character as a word of its own, with its share of the time, under its word's index."""
    return tuple(part for word in words for part in _parts(word))


def _parts(word: Word) -> Sequence[Word]:
    graphemes = split_graphemes(word.text)
    if len(graphemes) < 2:
        return (word,)
    step = (word.end - word.start) / len(word.text)
    parts: list[Word] = []
    position = 0
    for grapheme in graphemes:
        start = word.start + step * position
        position += len(grapheme)
        parts.append(replace(word, text=grapheme, start=start, end=word.start + step * position))
    return parts


def from_graphemes(words: Iterable[Word]) -> tuple[Word, ...]:
    """Characters of one word that stand together are one word again."""
    whole: list[Word] = []
    for word in words:
        last = whole[-1] if whole else None
        if last is not None and (last.window, last.index) == (word.window, word.index):
            whole[-1] = replace(last, text=last.text + word.text, end=word.end)
        else:
            whole.append(word)
    return tuple(whole)
