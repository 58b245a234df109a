"""The anchored seam merge: many overlapping windows become one list of words.

    piece ─resolve_window─▶ side ─resolve_seam─▶ body, seam, body … ─fill_gaps─▶ words
    ─MonotonicTimes─▶

Everything below is a pure function of the pieces; this file only remembers what is settled and
lets words go as soon as neither the next window nor a repair can change them. What has left is kept
packed. Decodes nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from chunking.audit.coverage import WORD_SLACK, find_uncovered, find_unwritten, written_by
from chunking.merging.gap_repair import WordRun, fill_gaps, is_certain
from chunking.merging.repair_windows import LONGEST_GAP, chop, with_room
from chunking.merging.resolution import Context, Pending, Side, resolve_seam, resolve_window
from chunking.merging.seam_cut import JoinedSeam
from chunking.merging.seam_regions import Layout, SeamRegion, first_from
from chunking.merging.word_times import MonotonicTimes
from chunking.options import MergeOptions
from chunking.packed import Packed
from chunking.spans import clip, intersect, unite
from chunking.text.word_duration import is_overlong
from chunking.types import Merged, Piece, RepairRequest, Seam, Span, Window, Word

REMEMBERED = 4
"""Words of a stretch that the next one knows."""


def merge(
    pieces: Sequence[Piece],
    options: MergeOptions,
    *,
    evidence: Sequence[Span] = (),
    duration: float,
) -> Merged:
    """Merge all `pieces` at once: planned windows and whatever repairs there are.

    `requests` of the result are the repairs wanted next that are not among the pieces. Raises
    ValueError for a repair that nothing asks for.
    """
    planned = [piece for piece in pieces if piece.window.kind == "grid"]
    windows = sorted((piece.window for piece in planned), key=lambda window: window.index)
    merger = Merger(windows, options, evidence=evidence, duration=duration)
    for piece in planned:
        merger.add(piece)
    repairs = {piece.window.index: piece for piece in pieces if piece.window.kind != "grid"}
    while repairs:
        wanted = [r.window.index for r in merger.requests() if r.window.index in repairs]
        if not wanted:
            raise ValueError(f"nothing asked for the windows {sorted(repairs)}")
        for number in wanted:
            merger.add(repairs.pop(number))
    return merger.finish()


@dataclass(frozen=True, slots=True)
class _Section:
    """A body or a seam's region with the words it ended with; `end` is where its interval ends."""

    words: tuple[Word, ...]
    end: float
    rounds: int
    by_grapheme: bool


@dataclass(frozen=True, slots=True)
class _Tail:
    """What the next unit must know: last words, up to where speech is accounted for, repairs.

    `held`: an overlong last word, which leaves with what the next unit finds under it.
    """

    words: tuple[Word, ...]
    boundary: float
    rounds: int
    held: tuple[Word, ...] = ()


_START = _Tail((), 0.0, 0)


class Merger:
    """Takes pieces in any order; gives words in order, each as soon as it is final.

    A word is final when it lies before every window, seam and gap that is still open: planned
    windows not yet added, and requests neither answered by `add` nor given up by `finish`.
    Whatever the order of pieces, the words are the same. `windows` is the plan, or how it begins
    if it is not `is_whole`: `extend` then tells more of it. Gaps are what `evidence` hears and no
    word covers; they are asked for where another detector found `speech` too, if there is one.
    One thread.
    """

    def __init__(
        self,
        windows: Sequence[Window] = (),
        options: MergeOptions | None = None,
        *,
        evidence: Sequence[Span] = (),
        speech: Sequence[Span] | None = None,
        duration: float,
        is_whole: bool = True,
    ) -> None:
        options = options or MergeOptions()
        heard = clip(unite(evidence), Span(0.0, duration)) if evidence else None
        self._answers: dict[int, Piece | None] = {}
        self._pieces: dict[int, Piece] = {}
        self._context = Context(
            MappingProxyType(self._answers),
            options.repair_rounds,
            duration,
            heard,
            None if speech is None else intersect(heard or (), unite(speech)),
        )
        self._layout = Layout()
        self._sides: list[Side | None] = []
        self._seams: list[Seam | None] = []
        self._units: list[_Section | None] = []
        self._runs: list[WordRun | None] = []
        self._tails: list[_Tail | None] = []
        self._open: dict[int, tuple[int, RepairRequest]] = {}  # number: (unit that asked, request)
        self._repairs: defaultdict[int, list[int]] = defaultdict(list)  # of a unit: their numbers
        self._times = MonotonicTimes()
        self._words: Packed[Word] = Packed()
        self._next = 0  # the run whose words are let go next
        self._let_go = 0  # words of that run that have left already
        self._settled = 0  # units before this one are done with
        self.extend(windows, is_whole=is_whole)

    @property
    def pieces(self) -> Mapping[int, Piece]:
        """All pieces added so far, by the number of their window."""
        return MappingProxyType(self._pieces)

    def extend(self, windows: Sequence[Window], *, is_whole: bool) -> None:
        """Take the plan as far as it is known: the windows of the last call and those behind them.

        `is_whole`: no more will come. Words that become final by it leave with the next piece.
        """
        known = len(self._layout.windows)
        if len(windows) == known and is_whole == self._layout.is_whole:
            return
        self._layout.extend(windows, is_whole=is_whole)
        new = len(windows) - known
        self._sides += [None] * new
        self._seams += [None] * new  # one more than there are; so with what follows
        self._units += [None] * 2 * new
        self._tails += [None] * 2 * new
        self._runs += [None] * 4 * new
        for place in range(max(known - 2, 0), len(windows)):
            self._resolve_window(place)

    def requests(self) -> tuple[RepairRequest, ...]:
        """Repairs that are wanted and not yet added, in order of time."""
        wanted = (request for _, request in self._open.values())
        return tuple(sorted(wanted, key=lambda r: (r.window.start, r.window.index)))

    def add(self, piece: Piece) -> tuple[Word, ...]:
        """Take one piece; the words that became final by it, in order.

        Raises ValueError for a window that is neither planned nor requested, or added before.
        """
        number = piece.window.index
        if number in self._answers:
            raise ValueError(f"window {number} was added before")
        is_early = not self._layout.is_whole and piece.window.kind == "grid"
        if not (number in self._layout.places or number in self._open or is_early):
            raise ValueError(f"window {number} is neither planned nor requested")
        self._answers[number] = self._pieces[number] = piece
        return self._answer(number)

    def finish(self) -> Merged:
        """Give up on open requests and return everything.

        Raises ValueError when planned windows are missing: their words are not to be guessed.
        """
        if not self._layout.is_whole:
            raise ValueError("the plan is not whole")
        missing = [number for number in self._layout.places if number not in self._answers]
        if missing:
            raise ValueError(f"windows {missing} have not been added")
        unanswered = self.requests()
        while self._open:  # giving up a split may open the seam behind it
            number = min(self._open)
            self._answers[number] = None
            self._answer(number)
        self._words.extend(self._times.flush())
        seams = tuple(seam for seam in self._seams if seam is not None)
        return Merged(self._words, seams, unanswered)

    def _answer(self, number: int) -> tuple[Word, ...]:
        """Settle what waited for window `number`; let go of the words that became final."""
        if number in self._layout.places:
            unit = 2 * self._layout.places[number]
        elif number in self._open:
            unit, _ = self._open.pop(number)
            self._repairs[unit].append(number)
        else:
            return ()  # a planned window that the plan does not reach yet
        if unit < self._settled:  # another repair has brought what was asked for
            self._pack(number)
            return ()
        if self._units[unit] is not None:
            self._fill(2 * unit)
            self._fill(2 * unit + 1)
        elif unit % 2:
            self._resolve_seam(unit // 2)
        else:
            self._resolve_window(unit // 2)
        done = self._times.push(self._release())
        self._words.extend(done)
        while self._settled < self._next // 2:
            self._put_away(self._settled)
            self._settled += 1
        return tuple(done)

    def _put_away(self, unit: int) -> None:
        """The words of `unit` have left: nothing asks for them any more, nor for their pieces."""
        self._units[unit] = self._runs[2 * unit] = self._runs[2 * unit + 1] = None
        if unit:
            self._tails[unit - 1] = None
        for number in self._repairs.pop(unit, ()):
            self._pack(number)
        if unit % 2:
            place = unit // 2
            self._sides[place] = None
            self._pack(self._layout.windows[place].index)

    def _pack(self, number: int) -> None:
        piece = self._answers[number]
        if piece is not None:
            packed = replace(piece, words=Packed(piece.words))
            self._answers[number] = self._pieces[number] = packed

    def _ask(self, unit: int, requests: Sequence[RepairRequest]) -> None:
        self._open.update((request.window.index, (unit, request)) for request in requests)

    def _resolve_window(self, place: int) -> None:
        """Once it is decoded and the next one is known, and then the seams beside it."""
        window = self._layout.windows[place]
        if self._sides[place] is None and self._is_known(place):
            side = resolve_window(window, place, self._context)
            if isinstance(side, Pending):
                self._ask(2 * place, side.requests)
                return
            self._sides[place] = side
            self._resolve(2 * place, self._body(place, side))
        self._resolve_seam(place - 1)
        self._resolve_seam(place)

    def _is_known(self, place: int) -> bool:
        is_decoded = self._layout.windows[place].index in self._answers
        return is_decoded and self._layout.knows_body(place)

    def _body(self, place: int, side: Side) -> _Section:
        """What the window at `place` says where it speaks alone."""
        start, end = self._layout.body(place)
        first = first_from(side.words, start) if place else 0
        last = len(side.words) if end is None else first_from(side.words, end)
        end = max(start, self._context.duration) if end is None else end
        return _Section(side.words[first:last], end, side.rounds, side.by_grapheme)

    def _resolve_seam(self, place: int) -> None:
        if not self._layout.knows_region(place) or self._seams[place] is not None:
            return
        left, right = self._sides[place], self._sides[place + 1]
        if left is None or right is None:
            return
        seam_region = self._layout.region(place)
        settled = resolve_seam(seam_region, place, (left, right), self._context)
        if isinstance(settled, Pending):
            self._ask(2 * place + 1, settled.requests)
            return
        found, rounds = settled
        self._seams[place] = _to_seam(seam_region, found)
        by_grapheme = left.by_grapheme or right.by_grapheme
        self._resolve(
            2 * place + 1, _Section(found.words, seam_region.interval.end, rounds, by_grapheme)
        )

    def _resolve(self, unit: int, resolved: _Section) -> None:
        """Look for gaps between the words of `unit` at once; before them when it can be known."""
        self._units[unit] = resolved
        if resolved.words:
            is_last = self._layout.is_last(unit)
            self._tails[unit] = tail = _tail_of(resolved, is_last=is_last)
            end = max(tail.boundary, self._context.duration if is_last else 0.0)
            inside = Span(resolved.words[0].start, max(end, resolved.words[0].start))
            leaving = resolved.words[: len(resolved.words) - len(tail.held)]
            self._lay_out(2 * unit + 1, resolved, _START, inside, leaving)
        else:
            self._runs[2 * unit + 1] = WordRun((), (), (), (), 0, resolved.by_grapheme)
        for following in (unit, unit + 1):
            self._look_before(following)

    def _look_before(self, unit: int) -> None:
        """Look for a gap between `unit` and the words before it."""
        while unit < len(self._units):
            resolved = self._units[unit]
            before = self._tails[unit - 1] if unit else _START
            if resolved is None or before is None or self._runs[2 * unit] is not None:
                return
            is_last = self._layout.is_last(unit)
            leaving = before.held
            if resolved.words:
                end = resolved.words[0].start
            else:
                self._tails[unit] = tail = _tail_without_words(before, resolved, is_last=is_last)
                end = tail.boundary
                leaving = () if tail.held else before.held
            region = Span(before.boundary, max(end, before.boundary))
            self._lay_out(2 * unit, resolved, before, region, leaving)
            unit += 1

    def _lay_out(
        self,
        place: int,
        unit: _Section,
        before: _Tail,
        region: Span,
        leaving: tuple[Word, ...],
    ) -> None:
        """One stretch: inside of `unit` if `place` is odd, between it and `before` if even.

        `leaving`: the words that leave with it.
        """
        is_inside = place % 2 == 1
        words = before.words + unit.words
        gaps: tuple[Span, ...] = ()
        if self._context.evidence is not None and region.duration > 0:
            evidence = clip(self._context.evidence, region)
            written = self._written(place, words, region)
            bare = find_uncovered(words, evidence), find_unwritten(words, evidence, written)
            found = unite((*bare[0], *bare[1]), bridge=WORD_SLACK)
            found = tuple(gap for gap in found if is_certain(gap, self._context))
            gaps = tuple(part for gap in with_room(found, words, region) for part in chop(gap))
        self._runs[place] = WordRun(
            words=leaving,
            before=() if is_inside else before.words[: len(before.words) - len(leaving)],
            after=() if is_inside else unit.words[:REMEMBERED],
            gaps=gaps,
            rounds=unit.rounds if is_inside else max(unit.rounds, before.rounds),
            by_grapheme=unit.by_grapheme,
        )
        self._fill(place)

    def _written(self, place: int, words: Sequence[Word], region: Span) -> tuple[Span, ...]:
        """Where windows that hold `region` wrote text: those planned there, those of `words`.

        No window that may still be missing is asked, so that the order of arrival is no matter.
        """
        unit = place // 2
        last = (unit + 1) // 2
        windows = self._layout.windows
        first = bisect_right(windows, region.start, key=lambda window: window.end)
        if place % 2:
            first = max(first, unit // 2)
        planned = {window.index for window in windows[first : last + 1]}
        pieces = (self._answers.get(number) for number in planned | {w.window for w in words})
        return unite(span for piece in pieces if piece for span in written_by(piece))

    def _fill(self, place: int) -> None:
        run = self._runs[place]
        if run is not None:
            self._ask(place // 2, fill_gaps(run, self._context).requests)

    def _release(self) -> list[Word]:
        """Words, not yet on the clock, that nothing can change any more."""
        words: list[Word] = []
        while self._next < len(self._runs):
            run = self._runs[self._next]
            if run is None:
                break
            filled = fill_gaps(run, self._context)
            words += filled.words[self._let_go : filled.final]
            self._let_go = filled.final
            if filled.requests:
                break
            self._next += 1
            self._let_go = 0
        return words


def _tail_of(unit: _Section, *, is_last: bool) -> _Tail:
    """An overlong last word leaves the speech in it to what follows."""
    last = unit.words[-1]
    if not is_overlong(last):
        return _Tail(unit.words[-REMEMBERED:], last.end, unit.rounds)
    held = () if is_last else (last,)
    return _Tail(unit.words[-REMEMBERED:], last.start, unit.rounds, held)


def _tail_without_words(before: _Tail, unit: _Section, *, is_last: bool) -> _Tail:
    """Without words there is no end to a gap: the next unit judges it, unless it gets too long."""
    rounds = max(before.rounds, unit.rounds)
    if not is_last and unit.end - before.boundary <= LONGEST_GAP:
        return _Tail(before.words, before.boundary, rounds, before.held)
    return _Tail(before.words, max(unit.end, before.boundary), rounds)


def _to_seam(seam_region: SeamRegion, found: JoinedSeam) -> Seam:
    return Seam(
        seam_region.left.index,
        seam_region.right.index,
        found.time,
        found.status,
        found.agreeing_words,
    )
