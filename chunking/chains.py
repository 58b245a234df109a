"""Windows that follow the writing: each begins a little before where the last one stopped.

Left alone, Whisper does not write the sentence that a window's end cuts: here the next window hears
it, where one of a grid is made to write it. A recording is several chains of such windows side by
side; where they lie depends on the recording and the options alone, so that the same pieces lead to
the same windows. It never looks at sound or text, only at where text was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from chunking.options import WindowOptions
from chunking.spans import clip
from chunking.types import Piece, Span
from chunking.windows import Terrain

UNHEARD = 0.5
"""Seconds of speech behind the last text of a window before a silence that another window hears."""
LEAST_SHARED = 1.0
"""A window that wrote up to its end shares at least so much with the next one."""
PAUSE_SHARE = 1 / 3
"""Where two chains meet may move by this part of a window to lie in a long pause."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A stretch whose windows follow each other. `limit`: where the next chain begins."""

    start: float
    limit: float = inf


def lay_chains(terrain: Terrain, options: WindowOptions) -> tuple[Chain, ...]:
    """As many chains of about `options.chain` seconds as the islands need, in order."""
    if not terrain.islands:
        return ()
    first, last = terrain.islands[0].start, terrain.islands[-1].end
    count = max(round((last - first) / options.chain), 1) if options.chain else 1
    starts = [first]
    for number in range(1, count):
        start = _meeting_place(first + (last - first) * number / count, terrain, options)
        if start - starts[-1] >= options.window and last - start > options.overlap:
            starts.append(start)
    limits = [*starts[1:], inf]
    return tuple(Chain(start, limit) for start, limit in zip(starts, limits, strict=True))


def _meeting_place(time: float, terrain: Terrain, options: WindowOptions) -> float:
    """Where a chain may begin: in the longest pause near `time`, and where an island lies."""
    reach = options.window * PAUSE_SHARE
    near = clip(terrain.pauses, Span(max(time - reach, 0.0), time + reach))
    if near:
        longest = max(near, key=lambda pause: (pause.duration, -pause.start))
        time = max((longest.start + longest.end) / 2, longest.end - LEAST_SHARED / 2)
    island = terrain.island_behind(time) or terrain.islands[-1]
    return max(time, island.start)


def first_window(chain: Chain, terrain: Terrain, options: WindowOptions) -> Span:
    """Where a chain begins; a phase makes its first window shorter, so that all others move."""
    return _window_from(chain.start, options.window - options.phase, chain, terrain, options)


def next_window(
    piece: Piece, chain: Chain, terrain: Terrain, options: WindowOptions
) -> Span | None:
    """The window behind `piece` in its chain, or None where the chain ends."""
    heard = piece.window.span
    if heard.end > chain.limit or heard.end >= chain.limit + _shared(options):
        return None
    stopped = min(_stopped_at(piece), heard.end)
    is_heard = terrain.speech_in(stopped, heard.end) < UNHEARD
    if is_heard and heard.end == chain.limit and terrain.is_pause(heard.end):
        return None
    step = options.window if heard.start > chain.start else heard.duration
    earliest = heard.start + step / 2  # two steps lead beyond this window's end
    latest = heard.end - min(LEAST_SHARED, options.back_off)
    start = min(max(stopped - options.back_off, earliest), latest)
    if terrain.cuts_island(heard.end):
        start = max(start, (heard.start + heard.end) / 2)  # if there is hardly a window
    elif is_heard or earliest > latest or terrain.speech_in(start, heard.end) < UNHEARD:
        following = terrain.island_behind(heard.end)
        if following is None or following.start >= chain.limit:
            return None
        start = following.start
    return _window_from(start, options.window, chain, terrain, options)


def _stopped_at(piece: Piece) -> float:
    """Where the text ends; a window that wrote none has nothing to be heard again."""
    return piece.timed_text[-1].end if piece.timed_text else piece.window.end


def _shared(options: WindowOptions) -> float:
    """Seconds that a chain reads on into the next one."""
    return min(options.overlap, (options.window - options.phase) / 2)


def _window_from(
    start: float, length: float, chain: Chain, terrain: Terrain, options: WindowOptions
) -> Span:
    """From `start` as far as `length` allows: to the next chain's first seconds, or to a silence.

    Where those cannot be reached it ends with its chain: the window after the next never reaches
    back into a window, so seams are independent of each other.
    """
    shared = _shared(options)
    reach = min(start + length, chain.limit + shared)
    if chain.limit <= reach < chain.limit + shared:
        reach = chain.limit
    islands, last = terrain.islands, terrain.last_within(start, reach)
    if islands[last].start > max(start, reach - options.overlap) and islands[last].end > reach:
        return Span(start, islands[last - 1].end)  # the next window hears it from its first word
    return Span(start, min(islands[last].end, reach))
