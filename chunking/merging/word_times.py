"""Makes the times of merged words go forward. The order of words is authoritative, never sorted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chunking.types import Word


class MonotonicTimes:
    """Lets words through in order, one behind, and settles times where two of them overlap.

    The text and provenance of a word never change; its times only where its neighbour's overlap.
    """

    def __init__(self) -> None:
        self._held: Word | None = None

    def push(self, words: Iterable[Word]) -> list[Word]:
        """Words whose times are final now."""
        done: list[Word] = []
        for word in words:
            if self._held is not None:
                held, word = separate(self._held, word)
                done.append(held)
            self._held = word
        return done

    def flush(self) -> list[Word]:
        """The last word, if there is one."""
        held, self._held = self._held, None
        return [] if held is None else [held]


def separate(first: Word, second: Word) -> tuple[Word, Word]:
    """Both words with times that follow each other; they meet inside their overlap."""
    if second.start >= first.end:
        return first, second
    border = min((second.start + first.end) / 2, (second.start + second.end) / 2)
    border = max(border, first.start)
    return (
        replace(first, end=border),
        replace(second, start=border, end=max(second.end, border)),
    )
