"""The merge's unit of work: the body of a window, or the region of a seam, with its neighbours.

    body 0 | region 0 | body 1 | region 1 | ...

Its words leave in two runs, each with its gaps: `before`, from the words on its left to its own
first one, and `inside`. Finds what is missing; asks nobody for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from chunking.audit.coverage import WORD_SLACK, find_uncovered, find_unwritten, written_by
from chunking.merging.gap_repair import WordRun, fill_gaps, has_agreed_speech
from chunking.merging.repair_windows import LONGEST_GAP, chop, join, with_room
from chunking.merging.resolution import Context, Pending, Side, resolve_seam, resolve_window
from chunking.merging.seam_regions import first_from
from chunking.spans import clip, unite
from chunking.text.word_duration import is_overlong
from chunking.types import Seam, Span, Word

REMEMBERED = 4
"""Words of an interval that the next one knows."""


@dataclass(frozen=True, slots=True)
class Section:
    """What the windows say in an interval, once nothing but its gaps is open; `end` is its own."""

    words: tuple[Word, ...]
    end: float
    by_grapheme: bool


@dataclass(frozen=True, slots=True)
class Tail:
    """What the next interval must know: last words, and up to where speech is accounted for.

    `held`: an overlong last word, which leaves with what the next interval finds under it.
    """

    words: tuple[Word, ...]
    boundary: float
    held: tuple[Word, ...] = ()


_START = Tail((), 0.0)


@dataclass(eq=False, slots=True)
class Interval:
    """The body of the window at `place`, or the region of the seam behind that body.

    `side`: all that a body's window says. `repairs`: windows it asked for that were answered.
    `is_done`: all its words have left.
    """

    place: int
    is_seam: bool
    left: Interval | None = None
    right: Interval | None = None
    side: Side | None = None
    seam: Seam | None = None
    section: Section | None = None
    inside: WordRun | None = None
    before: WordRun | None = None
    tail: Tail | None = None
    repairs: list[int] = field(default_factory=list)
    _runs_done: int = 0
    _words_done: int = 0  # of the run that leaves next

    @property
    def is_done(self) -> bool:
        return self._runs_done == 2

    def resolve(self, context: Context) -> Section | Pending | None:
        """Its words, or what they hang on; None while windows that it needs are not known."""
        return self._resolve_seam(context) if self.is_seam else self._resolve_body(context)

    def _resolve_body(self, context: Context) -> Section | Pending | None:
        """What its window says where it speaks alone; known with the next window."""
        window = context.layout.windows[self.place]
        if window.index not in context.answers or not context.layout.knows_body(self.place):
            return None
        side = resolve_window(window, self.place, context)
        if isinstance(side, Pending):
            return side
        self.side = side
        start, end = context.layout.body(self.place)
        first = first_from(side.words, start) if self.place else 0
        last = len(side.words) if end is None else first_from(side.words, end)
        end = max(start, context.duration) if end is None else end
        return Section(side.words[first:last], end, side.by_grapheme)

    def _resolve_seam(self, context: Context) -> Section | Pending | None:
        left = self.left.side if self.left else None
        right = self.right.side if self.right else None
        if left is None or right is None or not context.layout.knows_region(self.place):
            return None
        region = context.layout.region(self.place)
        found = resolve_seam(region, self.place, (left, right), context)
        if isinstance(found, Pending):
            return found
        between = region.left.index, region.right.index
        self.seam = Seam(*between, found.time, found.status, found.agreeing_words)
        by_grapheme = left.by_grapheme or right.by_grapheme
        return Section(found.words, region.interval.end, by_grapheme)

    def look_inside(self, section: Section, context: Context) -> WordRun:
        """Take the words, and find the gaps between them."""
        self.section = section
        if not section.words:
            self.inside = WordRun((), (), (), (), section.by_grapheme)
            return self.inside
        is_last = self._is_last(context)
        self.tail = tail = _tail_of(section, is_last=is_last)
        start = section.words[0].start
        end = max(tail.boundary, context.duration if is_last else 0.0, start)
        leaving = section.words[: len(section.words) - len(tail.held)]
        gaps = _find_gaps(section.words, Span(start, end), self._places, context)
        self.inside = WordRun(leaving, (), (), gaps, section.by_grapheme)
        return self.inside

    def look_before(self, context: Context) -> WordRun | None:
        """Find the gaps up to its words from those before, if both are known now; once."""
        section = self.section
        known = self.left.tail if self.left else _START
        if section is None or known is None or self.before is not None:
            return None
        leaving = known.held
        if section.words:
            end = section.words[0].start
        else:
            self.tail = _tail_without_words(known, section, is_last=self._is_last(context))
            end = self.tail.boundary
            leaving = () if self.tail.held else known.held
        region = Span(known.boundary, max(end, known.boundary))
        words, places = known.words + section.words, range(self._places.stop)
        self.before = WordRun(
            words=leaving,
            before=known.words[: len(known.words) - len(leaving)],
            after=section.words[:REMEMBERED],
            gaps=_find_gaps(words, region, places, context),
            by_grapheme=section.by_grapheme,
        )
        return self.before

    def release(self, context: Context) -> list[Word]:
        """Words, not yet on the clock, that nothing can change any more; each of them once."""
        words: list[Word] = []
        for run in (self.before, self.inside)[self._runs_done :]:
            if run is None:
                break
            filled = fill_gaps(run, context)
            words += filled.words[self._words_done : filled.final]
            self._words_done = filled.final
            if filled.requests:
                break
            self._runs_done += 1
            self._words_done = 0
        return words

    @property
    def _places(self) -> range:
        """Of the windows that hold it."""
        return range(self.place, self.place + 1 + self.is_seam)

    def _is_last(self, context: Context) -> bool:
        return context.layout.is_whole and self.right is None


def _tail_of(section: Section, *, is_last: bool) -> Tail:
    """An overlong last word leaves the speech in it to what follows."""
    last = section.words[-1]
    if not is_overlong(last):
        return Tail(section.words[-REMEMBERED:], last.end)
    held = () if is_last else (last,)
    return Tail(section.words[-REMEMBERED:], last.start, held)


def _tail_without_words(known: Tail, section: Section, *, is_last: bool) -> Tail:
    """Without words there is no end to a gap: the next one judges it, unless it gets too long."""
    if not is_last and section.end - known.boundary <= LONGEST_GAP:
        return Tail(known.words, known.boundary, known.held)
    return Tail(known.words, max(section.end, known.boundary))


def _find_gaps(
    words: Sequence[Word], region: Span, places: range, context: Context
) -> tuple[Span, ...]:
    """Speech in `region` that no word covers or no window wrote, in parts for one window each."""
    if context.evidence is None or region.duration <= 0:
        return ()
    evidence = clip(context.evidence, region)
    written = _find_written(words, region, places, context)
    bare = find_uncovered(words, evidence), find_unwritten(words, evidence, written)
    found = unite((*bare[0], *bare[1]), bridge=WORD_SLACK)
    found = tuple(gap for gap in found if has_agreed_speech(gap, context))
    gaps = join(with_room(found, words, region))
    return tuple(part for gap in gaps for part in _parts_to_hear(gap, context))


def _parts_to_hear(gap: Span, context: Context) -> tuple[Span, ...]:
    """Of a gap that is too long for one window the parts in which there is enough speech: of
    minutes of music that begin with a voice, the first. All of them where no part has enough."""
    parts = chop(gap)
    return tuple(part for part in parts if has_agreed_speech(part, context)) or parts


def _find_written(
    words: Sequence[Word], region: Span, places: range, context: Context
) -> tuple[Span, ...]:
    """Where windows that hold `region` wrote text: those at `places`, those of `words`.

    No window that may still be missing is asked, so that the order of arrival is no matter.
    """
    windows = context.layout.windows
    first = bisect_right(windows, region.start, key=lambda window: window.end)
    planned = {window.index for window in windows[max(first, places.start) : places.stop]}
    pieces = (context.answers.get(number) for number in planned | {w.window for w in words})
    return unite(span for piece in pieces if piece for span in written_by(piece))
