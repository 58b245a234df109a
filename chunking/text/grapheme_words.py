"""Words of scripts without spaces in characters and back, so that a seam may lie inside of one.

Two windows cut the same sentence into other words. Where no two words begin together, a cut between
whole words says some characters twice. Compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import regex  # type: ignore[import-untyped]  # ships no types

from chunking.text.word_keys import split_graphemes
from chunking.types import Word

_SPACELESS = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
)


def to_graphemes(words: Iterable[Word]) -> tuple[Word, ...]:
    """Each character as a word of its own, with its share of the time, under its word's index.

    What is written in other scripts among them stays whole, and so do blanks and signs with the
    character that they stand at.
    """
    return tuple(part for word in words for part in _parts(word))


def _parts(word: Word) -> Sequence[Word]:
    texts = _part_texts(word.text)
    if len(texts) < 2:
        return (word,)
    step = (word.end - word.start) / len(word.text)
    parts: list[Word] = []
    position = 0
    for text in texts:
        start = word.start + step * position
        position += len(text)
        parts.append(replace(word, text=text, start=start, end=word.start + step * position))
    return parts


def _part_texts(text: str) -> list[str]:
    texts: list[str] = []
    for grapheme in split_graphemes(text):
        if texts and _SPACELESS.match(grapheme) and _SPACELESS.search(texts[-1]):
            texts.append(grapheme)
        else:
            texts[-1:] = ["".join(texts[-1:]) + grapheme]
    return texts


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
