"""Exact progress, counted once for all channels and repair rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chunking.types import Segment
from transcription.types import Observer


class Progress:
    """Turns what the pipeline does into the calls of an `Observer`; silent without one."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer
        self._windows_planned = 0
        self.windows_decoded = 0
        self._seconds_planned = 0.0
        self._seconds_decoded = 0.0
        self._track_start = 0.0
        self._is_measured = False  # the length of this channel is known
        self._channel: int | None = None
        self._segments_told = 0

    def ingested(self, seconds: float) -> None:
        """So much of the sound was decoded and searched for speech; raises what ends the work."""
        if self._observer:
            self._observer.ingested(seconds)

    def track(self, channel: int | None = None) -> None:
        """Another channel begins, of this number; what is planned is told when it is measured."""
        self._channel = channel
        self._is_measured = False
        self._track_start = self._seconds_planned

    def measured(self, seconds: float, windows: int) -> None:
        """The channel's length is known, and how many windows its plan has, about."""
        self._is_measured = True
        self._seconds_planned += seconds
        self._plan(windows)

    def repair(self, windows: int) -> None:
        """So many windows are to be decoded again."""
        self._plan(windows)

    def decoded(self, seconds: float) -> None:
        """One more window is done, and so many seconds of this channel are behind us."""
        self.windows_decoded += 1
        self._seconds_decoded = max(self._seconds_decoded, self._track_start + seconds)
        if self._is_measured:
            self._seconds_decoded = min(self._seconds_decoded, self._seconds_planned)
            if self.windows_decoded > self._windows_planned:
                self._plan(1)
        if self._observer:
            self._observer.decoded(self.windows_decoded, self._seconds_decoded)

    def settle(self) -> None:
        """A channel is done: where windows follow the writing, their number is known only now."""
        if self._windows_planned != self.windows_decoded:
            self._plan(self.windows_decoded - self._windows_planned)

    def segments(self, segments: Sequence[Segment]) -> None:
        """These can no longer change. They are told with their channel and numbered as told."""
        if not self._observer or not segments:
            return
        first = self._segments_told
        self._segments_told += len(segments)
        self._observer.segments(
            [
                replace(segment, id=number, channel=self._channel)
                for number, segment in enumerate(segments, first)
            ]
        )

    def _plan(self, windows: int) -> None:
        self._windows_planned += windows
        if self._observer and self._is_measured:
            self._observer.planned(self._seconds_planned, self._windows_planned)
