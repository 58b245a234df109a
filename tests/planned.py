"""Plans of windows that a test names."""

from __future__ import annotations

from collections.abc import Sequence

from chunking.options import WindowOptions
from chunking.plan import GridPlan
from chunking.types import Window


class _Planned(GridPlan):
    def __init__(self, windows: Sequence[Window]) -> None:
        super().__init__(WindowOptions())
        self._windows = tuple(windows)
        self.is_whole = True

    @property
    def windows(self):
        return self._windows

    grid = windows


def planned(windows: Sequence[Window]) -> GridPlan:
    """A whole plan of these windows, none of them taken."""
    return _Planned(windows)
