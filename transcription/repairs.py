"""Windows that the merge asks for while decoding goes on, each of them once."""

from __future__ import annotations

from collections.abc import Sequence

from chunking.merging.merger import Merger
from chunking.types import Window
from transcription.progress import Progress


class Repairs:
    """Called for the windows that are wanted now and have not been handed out before.

    It ends: the merge asks at most `MergeOptions.repair_rounds` times for the same seam, gap or
    truncated stretch, and so often for halves of one in several languages.
    """

    def __init__(self, merger: Merger, progress: Progress) -> None:
        self._merger = merger
        self._progress = progress
        self._handed_out: set[int] = set()

    def __call__(self) -> Sequence[Window]:
        wanted = tuple(
            request.window
            for request in self._merger.requests()
            if request.window.index not in self._handed_out
        )
        self._handed_out.update(window.index for window in wanted)
        if wanted:
            self._progress.repair(len(wanted))
        return wanted
