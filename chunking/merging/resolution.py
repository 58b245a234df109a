"""Resolves windows and seams from what has been decoded so far, or says what is missing.

Pure functions of the pieces: they may be asked again whenever one more piece has come in, and
the order of arrival leaves no trace. A repair may only add or replace words in its interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chunking.merging.disagreements import SeamComparison
from chunking.merging.hidden_word_repair import find_hidden, has_heard, onset, with_hidden_words
from chunking.merging.repair_windows import (
    LEAD_IN,
    SHORTEST_SPLIT,
    hidden_number,
    hidden_request,
    seam_number,
    seam_request,
    split_requests,
)
from chunking.merging.seam_cut import JoinedSeam, join_at_seam
from chunking.merging.seam_regions import Layout, SeamRegion, first_from
from chunking.merging.seam_repair import repair_seam
from chunking.merging.word_alignment import TOLERANCE
from chunking.text.grapheme_words import from_graphemes, to_graphemes
from chunking.text.word_keys import SPACELESS_LANGUAGES
from chunking.types import Piece, RepairRequest, Span, Window, Word

SHORTEST_REPAIRED_OVERLAP = 1.0
"""Two windows that share less sound than this never agree; repairing would double the work."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every settlement knows.

    `answers`: pieces by number of window, None for a refusal. `agreed`: where another detector
    hears speech too, None if it was not asked. `layout`: the plan as far as it is known.
    """

    answers: Mapping[int, Piece | None]
    rounds: int
    duration: float
    evidence: tuple[Span, ...] | None
    agreed: tuple[Span, ...] | None
    layout: Layout

    @property
    def bounds(self) -> Span:
        return Span(0.0, self.duration)


@dataclass(frozen=True, slots=True)
class Pending:
    """Cannot be settled before these are answered."""

    requests: tuple[RepairRequest, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """What one planned window says, its halves already joined if it had to be split."""

    words: tuple[Word, ...]
    by_grapheme: bool
    rounds: int = 0


def clean(piece: Piece) -> tuple[Word, ...]:
    """Words of `piece` inside its window, their starts and ends in order; far ones dropped.

    The first one is parted by a blank from whatever the merge puts before it, in scripts that do.
    """
    window = piece.window
    words: list[Word] = []
    reached = window.start
    for word in piece.words:
        if word.end < window.start - TOLERANCE or word.start > window.end + TOLERANCE:
            continue
        start = min(max(word.start, reached), window.end)
        end = min(max(word.end, start), window.end)
        is_same = start == word.start and end == word.end
        words.append(word if is_same else replace(word, start=start, end=end))
        reached = start
    if words and piece.language not in SPACELESS_LANGUAGES and not words[0].text[:1].isspace():
        words[0] = replace(words[0], text=f" {words[0].text}")
    return tuple(words)


def resolve_window(window: Window, place: int, context: Context) -> Side | Pending:
    """The words of a planned window, with those that its own words hid once they are known."""
    side = _resolve_half(window, place, context, 0)
    if isinstance(side, Pending) or context.evidence is None:
        return side
    words, requests = side.words, list[RepairRequest]()
    for hidden in find_hidden(side.words, context.evidence):
        found = _reveal(words, hidden, place, side.by_grapheme, context)
        if isinstance(found, RepairRequest):
            requests.append(found)
        else:
            words = found
    return Pending(tuple(requests)) if requests else replace(side, words=words)


def _reveal(
    words: tuple[Word, ...], hidden: Span, place: int, by_grapheme: bool, context: Context
) -> tuple[Word, ...] | RepairRequest:
    """`words` with what was `hidden` under one of them, or the repair that would tell."""
    assert context.evidence is not None  # nothing is hidden without
    for attempt in range(context.rounds):
        number = hidden_number(place, hidden.start, attempt)
        if number not in context.answers:
            begin = onset(words, hidden, context.evidence)
            return hidden_request(hidden, begin, attempt, context.bounds, number) or words
        piece = context.answers[number]
        if piece is None:
            break
        found = with_hidden_words(words, hidden, piece, context.evidence, by_grapheme=by_grapheme)
        if found is not None:
            return found
        if has_heard(piece, hidden):
            break  # the same words again: it was a long word
    return words


def _resolve_half(
    window: Window, place: int, context: Context, node: int, rounds: int = 0
) -> Side | Pending:
    """The words of a planned window; of its halves where its decoding ended too early, or where it
    holds several languages: those are no second try, and count for no round."""
    piece = context.answers[window.index]
    assert piece is not None  # asked only for windows that have been decoded
    depth = (node + 1).bit_length() - 1
    whole = Side(clean(piece), piece.language in SPACELESS_LANGUAGES, rounds)
    can_split = depth < context.rounds and window.end - window.start >= SHORTEST_SPLIT
    if not (piece.is_truncated or piece.is_mixed) or not can_split:
        return whole
    rounds += piece.is_truncated
    requests = split_requests(window, place, node, is_mixed=not piece.is_truncated)
    missing = tuple(r for r in requests if r.window.index not in context.answers)
    if missing:
        return Pending(missing)
    if any(context.answers[request.window.index] is None for request in requests):
        return whole
    left, right = (
        _resolve_half(request.window, place, context, 2 * node + 1 + side, rounds)
        for side, request in enumerate(requests)
    )
    if isinstance(left, Pending) or isinstance(right, Pending):
        return Pending(
            tuple(r for half in (left, right) if isinstance(half, Pending) for r in half.requests)
        )
    overlap = Span(requests[1].window.start, requests[0].window.end)
    joined = join_at_seam(_compare((left, right), (left.words, right.words), overlap, context))
    words = from_graphemes(joined.words)
    return Side(words, left.by_grapheme or right.by_grapheme, max(left.rounds, right.rounds))


def _compare(
    sides: tuple[Side, Side],
    words: tuple[tuple[Word, ...], tuple[Word, ...]],
    overlap: Span,
    context: Context,
) -> SeamComparison:
    """`words` of both `sides`, in characters where one of them has no spaces."""
    by_grapheme = any(side.by_grapheme for side in sides)
    left, right = (to_graphemes(w) if by_grapheme else w for w in words)
    aim = (overlap.start + overlap.end) / 2
    return SeamComparison(
        left, right, overlap, aim=aim, by_grapheme=by_grapheme, evidence=context.evidence
    )


def resolve_seam(
    seam_region: SeamRegion, place: int, sides: tuple[Side, Side], context: Context
) -> JoinedSeam | Pending:
    """The words inside a seam's region."""
    joined = _resolve_seam(seam_region, place, sides, context)
    if isinstance(joined, Pending):
        return joined
    return replace(joined, words=from_graphemes(joined.words))


def _resolve_seam(
    seam_region: SeamRegion, place: int, sides: tuple[Side, Side], context: Context
) -> JoinedSeam | Pending:
    left, right = sides
    words = (
        left.words[first_from(left.words, seam_region.interval.start) :],
        right.words[: first_from(right.words, seam_region.interval.end)],
    )
    if seam_region.overlap is None:
        middle = (seam_region.interval.start + seam_region.interval.end) / 2
        return JoinedSeam(words[0] + words[1], middle, "silent")
    comparison = _compare(sides, words, seam_region.overlap, context)
    found = join_at_seam(comparison)
    if not found.needs_repair or seam_region.overlap.duration < SHORTEST_REPAIRED_OVERLAP:
        return found
    for attempt in range(context.rounds - max(left.rounds, right.rounds)):
        request = _seam_request(seam_region, found.time, context, place, attempt)
        if request.window.index not in context.answers:
            return Pending((request,))
        piece = context.answers[request.window.index]
        if piece is None:
            break
        around, heard = (left.words, right.words), clean(piece)
        heard = to_graphemes(heard) if comparison.by_grapheme else heard
        repaired = repair_seam(comparison, seam_region, around, found.time, heard)
        if repaired is not None:
            return repaired
    return found


def _seam_request(
    seam_region: SeamRegion, time: float, context: Context, place: int, attempt: int
) -> RepairRequest:
    """Centred on the seam first; then beginning where the region begins."""
    number = seam_number(place, attempt)
    if attempt == 0:
        return seam_request(seam_region.interval, time, context.bounds, number)
    start = max(seam_region.interval.start - LEAD_IN, 0.0)
    end = min(start + (seam_region.right.end - seam_region.right.start), context.duration)
    return RepairRequest(Window(number, start, end, "seam"), seam_region.interval, "seam")
