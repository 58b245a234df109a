"""Words that the edge of a window cuts, where another window heard them whole.

A window that begins inside a word hears its rest, and writes that or another word for it. Where no
agreeing word lies between, both would be said. Judges neighbours of the merged words alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from chunking.merging.disagreements import CREDIBLE
from chunking.spans import clip, total
from chunking.text.word_duration import extent
from chunking.types import Piece, Word

SAME_SOUND = 0.5
"""Of the time of a rest, at least this part lies in the whole word."""


def drop_rests(
    words: Iterable[Word], last: Word | None, pieces: Mapping[int, Piece]
) -> Iterator[Word]:
    """`words`, which follow `last`, without those that are a rest of the word before them."""
    for word in words:
        if last is None or not _is_rest(word, last, pieces):
            yield word
            last = word


def _is_rest(word: Word, whole: Word, pieces: Mapping[int, Piece]) -> bool:
    """Whether the window of `word` begins inside `whole`, and `word`, its doubtful first one, is
    what it heard of that."""
    if word.index or word.window == whole.window or word.probability >= CREDIBLE:
        return False
    heard, own = extent(whole), extent(word)
    if not heard.start < pieces[word.window].window.start < heard.end:
        return False
    return total(clip([heard], own)) >= SAME_SOUND * own.duration
