"""Plans where windows lie: overlapping, edges in pauses, nothing where nobody speaks.

It never looks at sound; it believes the spans of speech it is given. Silence inside a window
stays there, so that times need no mapping back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from chunking.options import WindowOptions
from chunking.spans import clip, gaps, total, unite, widen
from chunking.types import Span, Window

MARGIN = 0.5
"""Seconds of sound kept before and after speech beside a skipped silence."""
SHORTEST_SKIP = 3.0
"""A silence is skipped when this much remains of it after the margins."""
LAST_SHARE = 2 / 3
"""A short last window begins earlier until it has this part of a window, and no more: Whisper takes
one that is full where the speech ends for cut off, and would leave its last sentence."""
EDGE_SLACK = 1.0
"""An edge moves at most this far to lie in a pause."""
SPOKEN_SHARE = 0.5
"""Of a window's time until the last of its speech; in music with voices a third was found."""
CLEAR = 0.1
"""Seconds without speech on either side of a cut between words."""


@dataclass(frozen=True, slots=True)
class Terrain:
    """Where windows may lie: `islands` are worth hearing, `speech` tells pauses in them. Of what
    several detectors `agreed` on windows are told; None without."""

    islands: tuple[Span, ...]
    speech: tuple[Span, ...]
    pauses: tuple[Span, ...]
    agreed: tuple[Span, ...] | None = None

    def speech_in(self, start: float, end: float) -> float:
        """Seconds of speech from `start` to `end`."""
        return total(clip(self.speech, Span(start, end))) if start < end else 0.0

    def island_behind(self, time: float) -> Span | None:
        """The first island that ends after `time`."""
        place = bisect_right(self.islands, time, key=lambda island: island.end)
        return self.islands[place] if place < len(self.islands) else None

    def last_within(self, start: float, reach: float) -> int:
        """The last island that begins before `reach`, or else the first that ends after `start`."""
        last = bisect_left(self.islands, reach, key=lambda island: island.start) - 1
        return max(last, bisect_right(self.islands, start, key=lambda island: island.end))

    def cuts_island(self, time: float) -> bool:
        island = self.island_behind(time)
        return island is not None and island.start < time

    def is_pause(self, time: float) -> bool:
        return self.speech_in(max(time - CLEAR, 0.0), time + CLEAR) == 0.0


def plan_windows(
    speech: Sequence[Span],
    duration: float,
    options: WindowOptions,
    *,
    skip_silence: bool = True,
    agreed: Sequence[Span] | None = None,
) -> tuple[Window, ...]:
    """Windows that cover all speech of a recording of `duration` seconds, in order.

    Neighbours share at least `options.overlap` seconds, or none at all where a silence between
    them is skipped (their seam is then "silent"). The window after the next never reaches back
    into a window, so seams are independent of each other. Without `skip_silence` the whole
    recording is covered and `speech` only says where the pauses are. They are told of the speech
    that several detectors `agreed` on.
    """
    terrain = lay_terrain(speech, duration, options, skip_silence=skip_silence, agreed=agreed)
    return lay_grid(terrain, options)


def lay_terrain(
    speech: Sequence[Span],
    duration: float,
    options: WindowOptions,
    *,
    skip_silence: bool = True,
    agreed: Sequence[Span] | None = None,
) -> Terrain:
    """What there is to hear; what one window can hear whole is one island, silence and all."""
    if duration <= 0.0:
        return Terrain((), (), ())
    whole = Span(0.0, duration)
    spans = clip(unite(speech), whole)
    islands = _find_islands(spans, whole) if skip_silence else (whole,)
    if islands and duration <= options.window and options.phase == 0.0:
        islands = (whole,)
    return Terrain(islands, spans, gaps(spans, whole), None if agreed is None else tuple(agreed))


def with_speech(
    window: Window, speech: Sequence[Span] | None, *, to_its_end: bool = False
) -> Window:
    """`window`, told of the sorted, disjoint spans of `speech` in what is asked of it, if known.

    If it is to be written `to_its_end`, also until when that is; but not in music, in which
    detectors hear a voice now and then.
    """
    if speech is None:
        return window
    until = window.end if window.needed_until is None else min(window.end, window.needed_until)
    spoken = clip(speech, Span(window.start, max(until, window.start)))
    seconds, last = total(spoken), spoken[-1].end if spoken else window.start
    is_spoken = to_its_end and spoken and seconds >= SPOKEN_SHARE * (last - window.start)
    return replace(window, spoken_until=last if is_spoken else None, spoken_seconds=seconds)


def lay_grid(terrain: Terrain, options: WindowOptions) -> tuple[Window, ...]:
    """Windows as `plan_windows` gives them."""
    planner = GridPlanner(options)
    planner.advance(terrain)
    return tuple(planner.windows)


def _find_islands(speech_spans: Sequence[Span], whole: Span) -> tuple[Span, ...]:
    """Speech with its margins; silences too short to skip are part of an island."""
    return clip(unite(widen(speech_spans, MARGIN), bridge=SHORTEST_SKIP), whole)


class GridPlanner:
    """Walks from left to right; each window is as long as it may be.

    `windows` are those so far. They do not depend on how much was known when they were laid.
    """

    def __init__(self, options: WindowOptions) -> None:
        self.windows: list[Window] = []
        self._options = options
        self._start: float | None = None  # of the next window
        self._is_fresh = True  # it shares no sound with the window before
        self._terrain = Terrain((), (), ())
        # Windows k and k + 2 must not meet, however far the edges of k + 1 move.
        self._slack = min(EDGE_SLACK, (options.window - 2 * options.overlap) / 3)

    def advance(self, terrain: Terrain, settled: float = inf) -> None:
        """Lay the windows that follow from the first `settled` seconds, after which `terrain` may
        still change: those of which all that they reach, and where the next begins, lies before."""
        self._terrain = terrain
        if not self.windows and terrain.islands:
            self._start = terrain.islands[0].start
        while self._start is not None:
            reach = self._start + self._options.window
            reach -= self._options.phase if self._is_fresh else 0.0
            end, following, follows_silence = self._end_window(self._start, reach)
            if max(reach, inf if following is None else following) > settled:
                return
            self._add(self._start, end)
            self._start, self._is_fresh = following, follows_silence

    def _add(self, start: float, end: float) -> None:
        if not self._is_fresh:  # a short last window begins earlier instead
            length = self._options.window * LAST_SHARE
            start = min(start, max(end - length, self._floor(self.windows)))
        window = Window(len(self.windows), start, end)
        self.windows.append(with_speech(window, self._terrain.agreed, to_its_end=True))

    @staticmethod
    def _floor(planned: Sequence[Window]) -> float:
        """The earliest start that meets neither the window before the last nor reverses order."""
        return max(planned[-1].start, planned[-2].end if len(planned) > 1 else 0.0)

    def _end_window(self, start: float, reach: float) -> tuple[float, float | None, bool]:
        """(end of the window, start of the next one, whether that one begins after a silence)."""
        last = self._terrain.last_within(start, reach)
        island = self._terrain.islands[last]
        if island.end <= reach:
            return island.end, *self._begin_after(last)
        begins_inside = island.start > start
        if begins_inside and island.start >= reach - self._options.overlap:
            # The next window would hear this island from its first word: leave it to that one.
            return self._terrain.islands[last - 1].end, island.start, True
        # Two edges move, and the next window must still begin later: a phase may leave little room.
        slack = min(self._slack, (reach - start - self._options.overlap) / 3)
        end = self._move_back(reach, slack)
        return end, self._move_back(end - self._options.overlap, slack), False

    def _begin_after(self, island: int) -> tuple[float | None, bool]:
        if island + 1 < len(self._terrain.islands):
            return self._terrain.islands[island + 1].start, True
        return None, True

    def _move_back(self, edge: float, slack: float) -> float:
        """The middle of the latest pause in the `slack` before `edge`, or `edge` itself."""
        near = clip(self._terrain.pauses, Span(max(edge - slack, 0.0), edge))
        if not near:
            return edge
        return (near[-1].start + near[-1].end) / 2
