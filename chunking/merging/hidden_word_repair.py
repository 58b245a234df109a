"""Hidden word repair: stretched words are decoded again, and what was under them is taken over.

What is taken over lies between two words that both decodings have, or behind a pause and before
the first of them; it replaces what the window said there, whole, and only if it has more words.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from chunking.audit.coverage import SHORTEST_UNCOVERED, WORD_SLACK, find_uncovered
from chunking.audit.speaking_rate import find_stretched, speaking_rate_of
from chunking.merging.disagreements import Disagreement, find_disagreements
from chunking.merging.word_alignment import TOLERANCE, align
from chunking.spans import clip
from chunking.text.word_duration import focus
from chunking.text.word_keys import to_units
from chunking.types import Piece, Span, Word

NEIGHBOURS = 4
"""Words on either side of a stretched one among which both decodings must have a word."""
FARTHEST = 15.0
"""A repair begins no more seconds before the end of what is hidden."""
BREATH = 0.3
"""A pause that a repair may begin in."""


def find_hidden(words: Sequence[Word], evidence: Sequence[Span]) -> tuple[Span, ...]:
    """Speech under those of one window's `words` that must be `SHORTEST_UNCOVERED` of other words.

    Under less there is seldom a word that a second hearing brings: the report names it. Without
    what is uncovered anyway: that is a gap, and repaired as one.
    """
    rate = speaking_rate_of(words, evidence)
    if rate is None:
        return ()
    rates = {word.window: rate for word in words}
    bare = find_uncovered(words, clip(evidence, Span(words[0].start, words[-1].end)))
    stretched = find_stretched(words, evidence, rates)
    long = (span for span, excess in stretched if excess >= SHORTEST_UNCOVERED)
    return tuple(span for span in long if not clip(bare, span))


def onset(words: Sequence[Word], hidden: Span, evidence: Sequence[Span]) -> float:
    """Where the speech begins that a repair of `hidden` should know from its start."""
    first = words[_first_near(words, hidden, evidence)].start
    found = bisect_right(evidence, first + WORD_SLACK, key=lambda span: span.start) - 1
    begin = min(evidence[found].start, hidden.start) if found >= 0 else hidden.start
    return max(begin, hidden.end - FARTHEST)


def with_hidden_words(
    words: tuple[Word, ...],
    hidden: Span,
    piece: Piece,
    evidence: Sequence[Span],
    *,
    by_grapheme: bool,
) -> tuple[Word, ...] | None:
    """`words` with what `piece` has around `hidden`; None if it has no more than they have."""
    if not piece.may_repair or not piece.words:
        return None
    stretched = _stretched(words, hidden)
    since = _first_near(words, hidden, evidence)
    near = list(words[since : stretched + 1 + NEIGHBOURS])
    place = stretched - since
    near[place] = replace(near[place], start=min(hidden.start, near[place].end))
    begin = hidden.start - WORD_SLACK if not place else near[0].start - TOLERANCE
    found = [w for w in piece.words if begin <= focus(w) <= near[-1].end + TOLERANCE]
    left = to_units(near, by_grapheme=by_grapheme)
    right = to_units(found, by_grapheme=by_grapheme)
    overlap = Span(min(begin, near[-1].end), near[-1].end)
    columns = align(left, right, overlap, hole=hidden)
    for disagreement in find_disagreements(columns, left, right, len(columns)):
        first, stop = disagreement.left.start, disagreement.left.stop
        is_there = first - 1 <= place <= stop and (disagreement.is_closed or not place)
        if is_there and len(disagreement.right) > len(disagreement.left):
            new = _with_anchors(disagreement, near, found)
            first, stop = max(first - disagreement.is_closed, 0), stop + 1
            return _in_order((*words[: since + first], *new, *words[since + stop :]))
    return None


def has_heard(piece: Piece, hidden: Span) -> bool:
    """Whether `piece` is fit to tell that nothing is hidden: it has words there."""
    return piece.may_repair and any(
        hidden.start - TOLERANCE <= focus(word) <= hidden.end + TOLERANCE for word in piece.words
    )


def _with_anchors(
    disagreement: Disagreement, near: Sequence[Word], found: Sequence[Word]
) -> Sequence[Word]:
    """What was found in `disagreement`, with the words around it: their times were stretched."""
    assert disagreement.left.stop < len(near)  # a disagreement ends before a word that both have
    return found[disagreement.right.start - disagreement.is_closed : disagreement.right.stop + 1]


def _stretched(words: Sequence[Word], hidden: Span) -> int:
    """The word that `hidden` lies under."""
    return max(bisect_right(words, hidden.start, key=lambda word: word.start) - 1, 0)


def _first_near(words: Sequence[Word], hidden: Span, evidence: Sequence[Span]) -> int:
    """The first word of the neighbourhood: at most `NEIGHBOURS` before, none before a pause."""
    stretched = _stretched(words, hidden)
    for place in range(stretched, max(stretched - NEIGHBOURS, 0), -1):
        before = Span(words[place].start - BREATH, words[place].start)
        if not clip(evidence, before) or hidden.start > words[stretched].start + BREATH:
            return place
    return max(stretched - NEIGHBOURS, 0)


def _in_order(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """`words` with starts that never go back, and no end before its start."""
    ordered = list(words[:1])
    for word in words[1:]:
        start = max(word.start, ordered[-1].start)
        ordered.append(replace(word, start=start, end=max(word.end, start)))
    return tuple(ordered)
