"""The anchored seam merge: many overlapping windows become one list of words.

    piece ─resolve_window─▶ side ─resolve_seam─▶ body, seam, body … ─fill_gaps─▶ words
    ─WholeWords─▶ words ─MonotonicTimes─▶

Everything below is a pure function of the pieces; this file only remembers what is settled and
lets words go as soon as neither the next window nor a repair can change them. What has left is kept
packed. Decodes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from chunking.merging.cut_words import WholeWords
from chunking.merging.gap_repair import WordRun, fill_gaps
from chunking.merging.intervals import Interval, Section
from chunking.merging.resolution import Context, Pending
from chunking.merging.seam_regions import Layout
from chunking.merging.word_times import MonotonicTimes
from chunking.options import MergeOptions
from chunking.packed import Packed
from chunking.spans import clip, unite
from chunking.types import Merged, Piece, RepairRequest, Seam, Span, Window, Word
from chunking.windows import with_speech


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


class Merger:
    """Takes pieces in any order; gives words in order, each as soon as it is final.

    A word is final when it lies before every window, seam and gap that is still open: planned
    windows not yet added, and requests neither answered by `add` nor given up by `finish`.
    Whatever the order of pieces, the words are the same. `windows` is the plan, or how it begins
    if it is not `is_whole`: `extend` then tells more of it. Gaps are what `evidence` hears and no
    word covers; they are asked for where another detector hears speech too (`agreed`), if there is
    one: `listen` tells more of both. One thread.
    """

    def __init__(
        self,
        windows: Sequence[Window] = (),
        options: MergeOptions | None = None,
        *,
        evidence: Sequence[Span] = (),
        agreed: Sequence[Span] | None = None,
        duration: float,
        is_whole: bool = True,
    ) -> None:
        options = options or MergeOptions()
        self._answers: dict[int, Piece | None] = {}
        self._pieces: dict[int, Piece] = {}
        self._layout = Layout()
        self._context = Context(
            MappingProxyType(self._answers),
            options.repair_rounds,
            duration,
            None,
            None,
            self._layout,
        )
        if evidence or agreed is not None:
            self.listen(evidence, agreed, duration)
        self._bodies: dict[int, Interval] = {}  # by their windows, until all their words have left
        self._newest: Interval | None = None  # the body of the last window that is known
        self._oldest: Interval | None = None  # of those whose words have not all left
        self._open: dict[int, tuple[Interval, RepairRequest]] = {}  # number: (who asked, request)
        self._seams: list[Seam] = []
        self._whole = WholeWords(self._pieces)
        self._times = MonotonicTimes()
        self._words: Packed[Word] = Packed()
        self.extend(windows, is_whole=is_whole)

    @property
    def pieces(self) -> Mapping[int, Piece]:
        """All pieces added so far, by the number of their window."""
        return MappingProxyType(self._pieces)

    def listen(
        self, evidence: Sequence[Span], agreed: Sequence[Span] | None, duration: float
    ) -> None:
        """What the detectors hear in a recording of which `duration` seconds were read so far, and
        what both do. It is what they heard before as far as the windows known reach, with room for
        a repair."""
        known = Span(0.0, duration)
        self._context = replace(
            self._context,
            duration=duration,
            evidence=clip(unite(evidence), known),
            agreed=None if agreed is None else clip(agreed, known),
        )

    def extend(self, windows: Sequence[Window], *, is_whole: bool) -> None:
        """Take the plan as far as it is known: the windows of the last call and those behind them.

        `is_whole`: no more will come. Words that become final by it leave with the next piece, or
        with `finish`.
        """
        known = len(self._layout.windows)
        if len(windows) == known and is_whole == self._layout.is_whole:
            return
        self._layout.extend(windows, is_whole=is_whole)
        last_known = self._newest
        new = [self._append(place) for place in range(known, len(windows))]
        for body in (last_known, *new):
            self._resolve(body)

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
        self._let_go()  # the end of the plan alone may have made words final
        while self._open:  # giving up a split may open the seam behind it
            number = min(self._open)
            self._answers[number] = None
            self._answer(number)
        self._words.extend(self._times.push(self._whole.flush()))
        self._words.extend(self._times.flush())
        return Merged(self._words, tuple(self._seams), unanswered)

    def _append(self, place: int) -> Interval:
        """The body of the window at `place`, and the region before it."""
        body = Interval(place, is_seam=False)
        if self._newest is not None:
            region = Interval(place - 1, is_seam=True, left=self._newest, right=body)
            self._newest.right = body.left = region
        self._newest = self._bodies[self._layout.windows[place].index] = body
        self._oldest = self._oldest or body
        return body

    def _answer(self, number: int) -> tuple[Word, ...]:
        """Settle what waited for window `number`; let go of the words that became final."""
        if number in self._bodies:
            interval = self._bodies[number]
        elif number in self._open:
            interval, _ = self._open.pop(number)
            interval.repairs.append(number)
        else:
            return ()  # a planned window that the plan does not reach yet
        if interval.is_done:  # another repair has brought what was asked for
            self._pack(number)
            return ()
        if interval.section is None:
            self._resolve(interval)
        else:
            self._fill(interval, interval.before)
            self._fill(interval, interval.inside)
        return self._let_go()

    def _resolve(self, interval: Interval | None) -> None:
        """Once all that it needs is there; and then the seams beside a body."""
        if interval is None:
            return
        if interval.section is None:
            found = interval.resolve(self._context)
            if isinstance(found, Pending):
                self._ask(interval, found.requests)
                return
            if found is not None:
                self._look_for_gaps(interval, found)
        if not interval.is_seam:
            self._resolve(interval.left)
            self._resolve(interval.right)

    def _look_for_gaps(self, interval: Interval, section: Section) -> None:
        """Between its words at once; before them, and before what follows, when it can be known."""
        self._fill(interval, interval.look_inside(section, self._context))
        self._look_before(interval)
        self._look_before(interval.right)

    def _look_before(self, interval: Interval | None) -> None:
        while interval is not None and (run := interval.look_before(self._context)):
            self._fill(interval, run)
            interval = interval.right

    def _fill(self, interval: Interval, run: WordRun | None) -> None:
        if run is not None:
            self._ask(interval, fill_gaps(run, self._context).requests)

    def _ask(self, interval: Interval, requests: Sequence[RepairRequest]) -> None:
        # Not to its end: of a gap that is music, a model that is made to write on writes "Music".
        for request in requests:
            told = replace(request, window=with_speech(request.window, self._context.agreed))
            self._open[request.window.index] = interval, told

    def _let_go(self) -> tuple[Word, ...]:
        """Words, in order, that nothing can change any more."""
        words: list[Word] = []
        while (oldest := self._oldest) is not None:
            words += oldest.release(self._context)
            if not oldest.is_done:
                break
            self._oldest = oldest.right
            self._put_away(oldest)
        done = tuple(self._times.push(self._whole.push(words)))
        self._words.extend(done)
        return done

    def _put_away(self, interval: Interval) -> None:
        """All its words have left: nothing asks for them any more, nor for their pieces."""
        for number in interval.repairs:
            self._pack(number)
        window = self._layout.windows[interval.place]
        if interval.seam is not None:
            self._seams.append(interval.seam)
            self._pack(window.index)
        else:
            del self._bodies[window.index]
        interval.left = interval.right = None

    def _pack(self, number: int) -> None:
        piece = self._answers[number]
        if piece is not None:
            packed = replace(piece, words=Packed(piece.words))
            self._answers[number] = self._pieces[number] = packed
