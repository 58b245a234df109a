"""Words that the edge of a window cuts, where another window heard them whole.

A window that begins inside a word hears its rest, one that ends inside a word its beginning, and
writes that or another word for it. Where no agreeing word lies between, both would be said. Judges
neighbours of the merged words alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chunking.merging.disagreements import CREDIBLE
from chunking.spans import clip, total
from chunking.text.word_duration import extent
from chunking.types import Piece, Word

SAME_SOUND = 0.5
"""Of the time of a part, at least this much lies in the whole word."""


class WholeWords:
    """Lets words through in order, one behind, but for parts of the word beside them.

    `pieces`: what was heard in each window, by its number, as long as words of it come.
    """

    def __init__(self, pieces: Mapping[int, Piece]) -> None:
        self._pieces = pieces
        self._held: Word | None = None

    def push(self, words: Iterable[Word]) -> list[Word]:
        """Words that are known to be whole now."""
        done: list[Word] = []
        for word in words:
            held = self._held
            if held is not None and self._is_rest(word, held):
                continue
            if held is not None and not self._is_beginning(held, word):
                done.append(held)
            self._held = word
        return done

    def flush(self) -> list[Word]:
        """The last word, if there is one."""
        held, self._held = self._held, None
        return [] if held is None else [held]

    def _is_rest(self, word: Word, whole: Word) -> bool:
        """Whether the window of `word`, its first one, begins inside `whole`."""
        if word.index or not _may_be_part(word, whole):
            return False
        return _is_cut(whole, self._pieces[word.window].window.start, word)

    def _is_beginning(self, word: Word, whole: Word) -> bool:
        """Whether the window of `word`, its last one, ends inside `whole`."""
        if not _may_be_part(word, whole):
            return False
        piece = self._pieces[word.window]
        return word.index == piece.words[-1].index and _is_cut(whole, piece.window.end, word)


def _may_be_part(word: Word, whole: Word) -> bool:
    return word.window != whole.window and word.probability < CREDIBLE


def _is_cut(whole: Word, edge: float, part: Word) -> bool:
    """Whether `edge` lies inside `whole`, and `part` is what was heard of that."""
    heard, own = extent(whole), extent(part)
    if not heard.start < edge < heard.end:
        return False
    return total(clip([heard], own)) >= SAME_SOUND * own.duration
