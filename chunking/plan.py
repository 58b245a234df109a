"""Which windows a recording is heard in: known from the start, or one after the other.

A plan is told of the recording as far as it was read, and of every piece, and says which windows
may be decoded next; what it says depends on the sound and the pieces, not on when they come.
Decodes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Protocol

from chunking.chains import Chain, first_window, lay_chains, next_window
from chunking.options import WindowOptions
from chunking.types import Piece, Span, Window
from chunking.windows import GridPlanner, Terrain, lay_grid, lay_terrain, with_speech

UNSETTLED = 40.0
"""Seconds before the end of what was read in which no window lies: a short silence may still end
there, and a repair of a window reaches past it by as much as a window."""


class Plan(Protocol):
    """Planned windows as far as they are known."""

    def extend(
        self,
        speech: Sequence[Span],
        seconds: float,
        *,
        is_whole: bool,
        agreed: Sequence[Span] | None = None,
    ) -> None:
        """The first `seconds` of the recording were read, and hold this `speech`; its last spans
        may still change unless that `is_whole`. `agreed`: speech that another detector hears too,
        of which windows are told; None without one."""
        ...

    @property
    def windows(self) -> Sequence[Window]:
        """In order, from the first on and without a gap."""
        ...

    @property
    def is_whole(self) -> bool:
        """Whether `windows` are all."""
        ...

    @property
    def grid(self) -> Sequence[Window]:
        """Windows that would cover the recording: how many there will be, about, and where."""
        ...

    @property
    def seconds_heard(self) -> float:
        """How much of the recording is behind us."""
        ...

    def hear(self, piece: Piece) -> None:
        """A planned window was decoded."""
        ...

    def take_ready(self) -> Sequence[Window]:
        """Windows that may be decoded now, each of them once."""
        ...


def empty_plan(options: WindowOptions, *, skip_silence: bool = True) -> Plan:
    """The plan that `options` ask for, of a recording of which nothing is known yet."""
    if options.plan == "grid":
        return GridPlan(options, skip_silence=skip_silence)
    return ChainPlan(options, skip_silence=skip_silence)


def plan_for(
    speech: Sequence[Span],
    duration: float,
    options: WindowOptions,
    *,
    skip_silence: bool = True,
    agreed: Sequence[Span] | None = None,
) -> Plan:
    """The same over the `speech` of a whole recording of `duration` seconds."""
    plan = empty_plan(options, skip_silence=skip_silence)
    plan.extend(speech, duration, is_whole=True, agreed=agreed)
    return plan


class GridPlan:
    """Windows that may be decoded as soon as it is known where they lie."""

    def __init__(self, options: WindowOptions, *, skip_silence: bool = True) -> None:
        self.is_whole = False
        self.seconds_heard = 0.0
        self._options = options
        self._skip_silence = skip_silence
        self._planner = GridPlanner(options)
        self._taken = 0

    @property
    def windows(self) -> Sequence[Window]:
        return self._planner.windows

    @property
    def grid(self) -> Sequence[Window]:
        return self._planner.windows

    def extend(
        self,
        speech: Sequence[Span],
        seconds: float,
        *,
        is_whole: bool,
        agreed: Sequence[Span] | None = None,
    ) -> None:
        terrain = lay_terrain(
            speech, seconds, self._options, skip_silence=self._skip_silence, agreed=agreed
        )
        self._planner.advance(terrain, inf if is_whole else seconds - UNSETTLED)
        self.is_whole = is_whole

    def hear(self, piece: Piece) -> None:
        """Leads to no other window."""
        self.seconds_heard = max(self.seconds_heard, piece.window.end)

    def take_ready(self) -> Sequence[Window]:
        ready = self.windows[self._taken :]
        self._taken = len(self.windows)
        return ready


class ChainPlan:
    """Chains side by side: the first window of each, then the one behind every window heard.

    How many chains there are depends on the length: they begin when the recording is whole.
    """

    def __init__(self, options: WindowOptions, *, skip_silence: bool = True) -> None:
        self.grid: Sequence[Window] = ()
        self._terrain = Terrain((), (), ())
        self._options = options
        self._skip_silence = skip_silence
        self._chains: list[_Links] = []
        self._stride = 1
        self._is_laid = False
        self._ready: list[Window] = []
        self._known: list[Window] = []
        self._telling = self._told = 0  # the chain whose windows are told now, and how many were

    def extend(
        self,
        speech: Sequence[Span],
        seconds: float,
        *,
        is_whole: bool,
        agreed: Sequence[Span] | None = None,
    ) -> None:
        if not is_whole:
            return
        self._terrain = lay_terrain(
            speech, seconds, self._options, skip_silence=self._skip_silence, agreed=agreed
        )
        self.grid = lay_grid(self._terrain, self._options)
        self._chains = [_Links(chain) for chain in lay_chains(self._terrain, self._options)]
        self._stride = self._most_windows()
        for number, links in enumerate(self._chains):
            self._add(number, first_window(links.chain, self._terrain, self._options))
        self._is_laid = True
        self._tell()

    @property
    def windows(self) -> Sequence[Window]:
        """Of the chains that have ended, and of the first that has not."""
        return self._known

    def _tell(self) -> None:
        """Add to the windows known in order those that came since."""
        while self._telling < len(self._chains):
            links = self._chains[self._telling]
            self._known += links.windows[self._told :]
            self._told = len(links.windows)
            if not links.has_ended:
                break
            self._telling, self._told = self._telling + 1, 0

    @property
    def is_whole(self) -> bool:
        return self._is_laid and self._telling == len(self._chains)

    @property
    def seconds_heard(self) -> float:
        """Of all chains together, and what lies before the first of them."""
        start = self._chains[0].chain.start if self._chains else 0.0
        return start + sum(links.heard for links in self._chains)

    def hear(self, piece: Piece) -> None:
        number = piece.window.index // self._stride
        links = self._chains[number]
        if piece.window != links.windows[-1] or links.has_ended:
            raise ValueError(f"{piece.window} was not the next window of chain {number}")
        links.heard = min(piece.window.end, links.chain.limit) - links.chain.start
        following = next_window(piece, links.chain, self._terrain, self._options)
        links.has_ended = following is None
        if following is not None:
            self._add(number, following)
        self._tell()

    def take_ready(self) -> Sequence[Window]:
        ready, self._ready = self._ready, []
        return ready

    def _add(self, number: int, span: Span) -> None:
        links = self._chains[number]
        assert len(links.windows) < self._stride, f"chain {number} does not come to its end"
        window = Window(number * self._stride + len(links.windows), span.start, span.end)
        # The next one begins where this one stops writing, and that is up to the model.
        window = with_speech(window, self._terrain.agreed)
        links.windows.append(window)
        self._ready.append(window)

    def _most_windows(self) -> int:
        """No chain has more: windows begin at least half of one apart, but for the first two."""
        end = max((island.end for island in self._terrain.islands), default=0.0)
        lengths = (min(links.chain.limit, end) - links.chain.start for links in self._chains)
        longest = max(lengths, default=0.0)
        return int(longest / (self._options.window / 2)) + 4


class _Links:
    """The windows of one chain so far."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.windows: list[Window] = []
        self.has_ended = False
        self.heard = 0.0
