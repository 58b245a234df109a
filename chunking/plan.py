"""Which windows a recording is heard in: known from the start, or one after the other.

A plan is told of every piece and says which windows may be decoded next; what it says depends on
the pieces, not on the order in which they come. Decodes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chunking.chains import Chain, first_window, lay_chains, next_window
from chunking.options import WindowOptions
from chunking.types import Piece, Span, Window
from chunking.windows import Terrain, lay_grid, lay_terrain


class Plan(Protocol):
    """Planned windows as far as they are known."""

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


def plan_for(
    speech: Sequence[Span], duration: float, options: WindowOptions, *, skip_silence: bool = True
) -> Plan:
    """The plan that `options` ask for, over the `speech` of a recording of `duration` seconds."""
    terrain = lay_terrain(speech, duration, options, skip_silence=skip_silence)
    grid = lay_grid(terrain, options)
    if options.plan == "grid" or not grid:
        return GridPlan(grid)
    return ChainPlan(terrain, options, grid)


class GridPlan:
    """All windows are known and may be decoded at once."""

    is_whole = True

    def __init__(self, windows: Sequence[Window]) -> None:
        self.windows = self.grid = tuple(windows)
        self._ready = self.windows
        self.seconds_heard = 0.0

    def hear(self, piece: Piece) -> None:
        """Leads to no other window."""
        self.seconds_heard = max(self.seconds_heard, piece.window.end)

    def take_ready(self) -> Sequence[Window]:
        ready, self._ready = self._ready, ()
        return ready


class ChainPlan:
    """Chains side by side: the first window of each, then the one behind every window heard."""

    def __init__(
        self, terrain: Terrain, options: WindowOptions, grid: Sequence[Window] = ()
    ) -> None:
        self.grid = tuple(grid)
        self._terrain = terrain
        self._options = options
        self._chains = [_Links(chain) for chain in lay_chains(terrain, options)]
        self._stride = self._most_windows()
        self._ready: list[Window] = []
        self._known: list[Window] = []
        self._telling = self._told = 0  # the chain whose windows are told now, and how many were
        for number, links in enumerate(self._chains):
            self._add(number, first_window(links.chain, terrain, options))
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
        return self._telling == len(self._chains)

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
        window = Window(number * self._stride + len(links.windows), span.start, span.end)
        links.windows.append(window)
        self._ready.append(window)

    def _most_windows(self) -> int:
        """No chain has more: windows begin at least half of one apart, but for the first two."""
        end = self._terrain.islands[-1].end
        longest = max(min(links.chain.limit, end) - links.chain.start for links in self._chains)
        return int(longest / (self._options.window / 2)) + 4


class _Links:
    """The windows of one chain so far."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.windows: list[Window] = []
        self.has_ended = False
        self.heard = 0.0
