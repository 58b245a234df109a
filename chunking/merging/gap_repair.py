"""Gap repair: fills uncovered speech with what was decoded again there, or asks for it.

A repair only adds words inside its gap; a neighbour decoded again is known and not doubled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chunking.audit.coverage import BRIDGE, WORD_SLACK, find_uncovered
from chunking.merging.repair_windows import BEHIND, gap_number, gap_request
from chunking.merging.resolution import Context, clean
from chunking.merging.word_alignment import TOLERANCE, align
from chunking.spans import clip, total
from chunking.text.word_duration import extent, focus, is_overlong
from chunking.text.word_keys import to_units
from chunking.types import Piece, RepairRequest, Span, Word

EDGE = 0.3
"""A repaired word may lie this far outside of its gap."""
SHORTEST_ONSET = 0.3
"""A repair begins where so much speech begins, or less that more follows: other sounds are a breath
or a knock."""
_NEIGHBOURS = 4
SHORTEST_AGREED = 0.4
"""A gap is asked for from so many seconds on that both detectors take for speech. What only the
more sensitive one hears is noise, laughter or another room, and of no use to decode again."""
WORTH_TWICE = 1.0
"""A gap with so many seconds of speech by both detectors is asked for once more, elsewhere, where
the first window brought nothing: what remains of it may be short of what counts as uncovered."""
SAME_SOUND = 0.5
"""Two words are the same sound if they share this part of the shorter one's time."""


@dataclass(frozen=True, slots=True)
class WordRun:
    """Consecutive words of the stream with the gaps of uncovered speech between them.

    `before` and `after`: the words around it, to know a word decoded again.
    """

    words: tuple[Word, ...]
    before: tuple[Word, ...]
    after: tuple[Word, ...]
    gaps: tuple[Span, ...]
    by_grapheme: bool


@dataclass(frozen=True, slots=True)
class FilledRun:
    """Words of a stretch so far; the first `final` of them can no longer change."""

    words: tuple[Word, ...]
    final: int
    requests: tuple[RepairRequest, ...]


def has_agreed_speech(gap: Span, context: Context) -> bool:
    """Whether there is enough speech in `gap` for a window of its own."""
    return context.agreed is None or _agreed_seconds(gap, context) >= SHORTEST_AGREED


def _agreed_seconds(gap: Span, context: Context) -> float:
    """Speech in `gap` by both detectors, or by the one that there is."""
    heard = context.evidence if context.agreed is None else context.agreed
    return total(clip(heard or (), gap))


def fill_gaps(run: WordRun, context: Context) -> FilledRun:
    """Put what repairs found into the gaps; ask for the repairs that are missing."""
    words = run.words
    requests: list[RepairRequest] = []
    final: int | None = None
    settled = 0  # words that no gap from here on may push aside
    for gap in run.gaps:
        settled = max(settled, _place_of(words, gap) - 1)
        words, missing = _fill_gap(words, settled, run, gap, context)
        if missing is not None:
            requests.append(missing)
            final = settled if final is None else final
    return FilledRun(words, len(words) if final is None else final, tuple(requests))


def _fill_gap(
    words: tuple[Word, ...], settled: int, run: WordRun, gap: Span, context: Context
) -> tuple[tuple[Word, ...], RepairRequest | None]:
    unfilled = words
    for attempt in range(context.rounds):
        if attempt and not _is_worth_more(words, unfilled, gap, context):
            break
        number = gap_number(gap.start, attempt)
        if number not in context.answers:
            begin = _onset(context.evidence or (), gap)
            return words, gap_request(gap, begin, attempt, context.bounds, number)
        piece = context.answers[number]
        if piece is None:
            break
        if _is_believed(piece, words):
            words = _insert(words, settled, run, gap, piece)
    return words, None


def _is_believed(piece: Piece, words: Sequence[Word]) -> bool:
    """Whether what a repair heard may fill a gap. Where its window has no other word, it must be
    probable too: "I'll see you in the next video!" was written in music at -1.2."""
    if piece.attempts[-1] != "improbable":
        return piece.may_repair
    window = piece.window
    return any(word.end > window.start and word.start < window.end for word in words)


def _onset(evidence: Sequence[Span], gap: Span) -> float:
    """Where speech in `gap` begins in earnest: not with the end of a word before, nor a breath."""
    near = clip(evidence, Span(max(gap.start - SHORTEST_ONSET, 0.0), gap.end))
    for place, span in enumerate(near):
        start = max(span.start, gap.start)
        is_rest = start - span.start > span.end - start
        is_alone = place + 1 == len(near) or near[place + 1].start - span.end > BRIDGE
        if span.end - start >= SHORTEST_ONSET or not (is_rest or is_alone):
            return start
    return max(near[0].start, gap.start) if near else gap.start


def _is_worth_more(
    words: Sequence[Word], unfilled: Sequence[Word], gap: Span, context: Context
) -> bool:
    """Whether another window is to be decoded for `gap`, in which `unfilled` stood before."""
    is_vain = words == unfilled and _agreed_seconds(gap, context) >= WORTH_TWICE
    return is_vain or _is_open(words, gap, context)


def _is_open(words: Sequence[Word], gap: Span, context: Context) -> bool:
    near = [w for w in words if w.end > gap.start - 1.0 and w.start < gap.end + 1.0]
    found = clip(context.evidence or (), gap)
    return bool(find_uncovered(near, found))


def _place_of(words: Sequence[Word], gap: Span) -> int:
    """How many words lie before `gap`; an overlong word around it counts as before."""
    for index, word in enumerate(words):
        is_stretched = is_overlong(word) and word.start <= gap.start
        if word.start > gap.start - WORD_SLACK and word.end > gap.start + WORD_SLACK:
            return index + is_stretched
    return len(words)


def _insert(
    words: tuple[Word, ...], settled: int, run: WordRun, gap: Span, piece: Piece
) -> tuple[Word, ...]:
    """`words` with those of `piece` that lie in `gap` and are not a neighbour decoded again.

    They come behind the first `settled` words, which may have left already.
    """
    place = max(_place_of(words, gap), settled)
    before = (run.before + words[:place])[-_NEIGHBOURS:]
    room = Span(max(gap.start - 2 * TOLERANCE, 0.0), gap.end + BEHIND)
    following = words[place:] + run.after
    inside = sum(word.start <= room.end for word in following)  # of an earlier repair, most of them
    near = before + following[: max(inside, _NEIGHBOURS)]
    found = tuple(word for word in clean(piece) if room.start <= focus(word) <= room.end)
    known = _known(near, found, Span(max(room.start, piece.window.start), room.end), gap, run)
    for group in reversed(_new_groups(found, known, gap)):
        new = found[group.start : group.stop]
        # A neighbour decoded again says on which side of it the new words belong.
        least = max((known[index] + 1 for index in known if index < group.start), default=0)
        most = min((known[index] for index in known if index >= group.stop), default=len(near))
        passed = sum(word.start < new[0].start for word in near[len(before) :])
        spot = min(max(len(before) + passed, least), most) - len(before)
        at = max(place + spot, settled)
        words = words[:at] + new + words[at:]
    return words


def _known(
    near: Sequence[Word], found: Sequence[Word], overlap: Span, gap: Span, run: WordRun
) -> dict[int, int]:
    """Which words of `near` are heard again, by their places in `found`."""
    left = to_units(near, by_grapheme=run.by_grapheme)
    right = to_units(found, by_grapheme=run.by_grapheme)
    known: dict[int, int] = {}
    for column in align(left, right, overlap, hole=gap):
        if column.left is None or column.right is None:
            continue
        old, new = left[column.left], right[column.right]
        if column.agrees or _overlap(near[old.first], found[new.first]) >= SAME_SOUND:
            known |= dict.fromkeys(range(new.first, new.last + 1), old.first)
    for index, new_word in enumerate(found):
        if index not in known and not gap.start <= focus(new_word) <= gap.end:
            same = [n for n, old in enumerate(near) if _shares_sound(old, new_word)]
            known.update((index, old) for old in same[:1])
    return known


def _shares_sound(old: Word, new: Word) -> bool:
    """Whether `new`, beside a gap, is a part of what was said before: its window begins there."""
    return not is_overlong(old) and _overlap(old, new) >= SAME_SOUND


def _new_groups(found: Sequence[Word], known: Mapping[int, int], gap: Span) -> list[range]:
    """Runs of words in `gap` that nobody had, none of them across a known word."""
    groups: list[range] = []
    for index, word in enumerate(found):
        if index in known or not gap.start - EDGE <= focus(word) <= gap.end + EDGE:
            continue
        if groups and groups[-1].stop == index:
            groups[-1] = range(groups[-1].start, index + 1)
        else:
            groups.append(range(index, index + 1))
    return groups


def _overlap(old: Word, new: Word) -> float:
    """The part of the shorter word's plausible extent that both share."""
    a, b = extent(old), extent(new)
    shorter = min(a.duration, b.duration)
    return (min(a.end, b.end) - max(a.start, b.start)) / shorter if shorter > 0 else 0.0
