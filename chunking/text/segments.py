"""Words to segments that people read: whole sentences where they are short enough.

Each decision looks only backwards, so that a segment is final as soon as the next one begins.
Never tears a word or a character apart; never changes a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chunking.options import SegmentOptions
from chunking.packed import Packed
from chunking.text.breaks import best_break, can_break, ends_sentence
from chunking.text.word_keys import breaks_grapheme
from chunking.types import Piece, Segment, Word

LONG_PAUSE = 1.0
"""A pause that ends a segment, sentence or not."""
SHORTEST_SENTENCE = 1.0
"""A sentence shorter than this shares its segment with the next one."""
SEGMENTS_PACKED = 16
"""Together: some hundreds of words."""


def to_segments(
    words: Sequence[Word],
    pieces_by_window: Mapping[int, Piece],
    options: SegmentOptions,
    *,
    first_id: int = 0,
) -> tuple[Segment, ...]:
    """All `words` as segments; ids count from `first_id`."""
    builder = SegmentBuilder(options, first_id=first_id)
    builder.finish(words, pieces_by_window)
    return tuple(builder.segments)


class SegmentBuilder:
    """Takes words as they become final; gives each segment once it can no longer change."""

    def __init__(self, options: SegmentOptions, *, first_id: int = 0) -> None:
        self._options = options
        self._first_id = first_id
        self._open: list[Word] = []
        self._num_words = 0
        self._segments: Packed[Segment] = Packed(block=SEGMENTS_PACKED)

    @property
    def segments(self) -> Sequence[Segment]:
        """Every segment so far."""
        return self._segments

    def add(
        self, words: Sequence[Word], pieces_by_window: Mapping[int, Piece]
    ) -> tuple[Segment, ...]:
        """Take the next words; the segments that became final by them."""
        final: list[Segment] = []
        for word in words:
            self._num_words += 1
            if self._open and self._ends_before(word, pieces_by_window):
                final.append(self._close(len(self._open), pieces_by_window))
            self._open.append(word)
            while self._is_too_long():
                final.append(self._close(best_break(self._open), pieces_by_window))
        return tuple(final)

    def finish(
        self, words: Sequence[Word], pieces_by_window: Mapping[int, Piece]
    ) -> tuple[Segment, ...]:
        """The segments still missing; `words` are all words, those already added included."""
        final = self.add(words[self._num_words :], pieces_by_window)
        if self._open:
            final += (self._close(len(self._open), pieces_by_window),)
        return final

    def _ends_before(self, word: Word, pieces: Mapping[int, Piece]) -> bool:
        last = self._open[-1]
        if breaks_grapheme(last.text, word.text):
            return False
        if word.start - last.end >= LONG_PAUSE:
            return True
        if _language(last, pieces) != _language(word, pieces):
            return True
        is_long_enough = last.end - self._open[0].start >= SHORTEST_SENTENCE
        return is_long_enough and ends_sentence(last) and can_break(last, word)

    def _is_too_long(self) -> bool:
        duration = self._open[-1].end - self._open[0].start
        num_characters = sum(len(word.text) for word in self._open)
        is_over = (
            duration > self._options.max_duration or num_characters > self._options.max_characters
        )
        return is_over and best_break(self._open) > 0

    def _close(self, num_words: int, pieces: Mapping[int, Piece]) -> Segment:
        words, self._open = tuple(self._open[:num_words]), self._open[num_words:]
        segment = _to_segment(self._first_id + len(self._segments), words, pieces)
        self._segments.append(segment)
        return segment


def _language(word: Word, pieces: Mapping[int, Piece]) -> str | None:
    piece = pieces.get(word.window)
    return None if piece is None else piece.language


def _to_segment(number: int, words: tuple[Word, ...], pieces: Mapping[int, Piece]) -> Segment:
    """Figures are those of the piece that most of the words come from, the earlier one if equal."""
    counts: dict[int, int] = {}
    for word in words:
        counts[word.window] = counts.get(word.window, 0) + 1
    piece = pieces[max(counts, key=lambda window: counts[window])]
    return Segment(
        id=number,
        start=words[0].start,
        end=max(words[-1].end, words[0].start),
        text="".join(word.text for word in words),
        words=words,
        temperature=piece.temperature,
        avg_logprob=piece.avg_logprob,
        compression_ratio=piece.compression_ratio,
        no_speech_prob=piece.no_speech_prob,
        language=piece.language,
    )
