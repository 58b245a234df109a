"""Windows on their way through the decoder: a bounded number at once, the earliest first.

Does not know what decodes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from chunking.plan import Plan
from chunking.types import Piece, Window
from transcription.ingest import Track
from transcription.options import TranscriptionOptions
from transcription.types import WindowDecoder

GROUP_WINDOWS = 8  # the most that are submitted, and by a durable job checkpointed, together
GROUP_WINDOWS_ON_CPU = 2  # where each takes seconds, so that text flows and little is lost
WINDOWS_IN_FLIGHT = 64  # bounds memory, and keeps as many slots busy
TRUSTED_TEMPERATURE = 0.5
PREVIOUS_TEXT_CHARACTERS = 800  # more than the prompt's half of the context can hold


def no_repairs() -> Sequence[Window]:
    """For those who want the plan and nothing else."""
    return ()


def decode_windows(
    track: Track,
    plan: Plan,
    windows: WindowDecoder,
    options: TranscriptionOptions,
    repairs: Callable[[], Sequence[Window]] = no_repairs,
    *,
    opening: tuple[Piece, ...] = (),
) -> Iterator[Piece]:
    """The pieces of `plan` and of its repairs; of those in flight the earliest comes first.
    `opening` is the plan's first window, where it was decoded already.

    After every group the plan is asked what may be decoded now, and `repairs` what is wanted
    besides; what lies earliest goes first, so that text becomes final from the start on. While few
    windows are known, more of the `track` is read. The order depends on the sound and the pieces,
    not on time.
    With previous text, a planned window is prompted by the planned window before it; a repair
    is not prompted by it, for it may lie anywhere.
    """
    waiting, in_flight = _begin(options, windows.model.device)
    previous: Piece | None = None
    while True:
        waiting.add_planned(plan.take_ready())
        while not track.is_whole and in_flight.wants(waiting.windows):
            track.read_on()
            waiting.add_planned(plan.take_ready())
        if not (waiting.groups or in_flight.groups):
            return
        while waiting.groups and in_flight.has_room_for(waiting.groups[0]):
            group = heappop(waiting.groups)
            if opening:
                in_flight.add(group, _done(opening))
                opening = ()
                continue
            first = group.windows[0]
            before = _text_to_pass_on(previous, first) if first.kind == "grid" else ""
            prompted = _prompted(options, before)
            in_flight.add(group, windows.submit(track.recording, group.windows, prompted))
        for piece in in_flight.land():
            if piece.window.kind == "grid":
                previous = piece
                plan.hear(piece)
            yield piece
        waiting.add_repairs(repairs())


@dataclass(order=True, frozen=True, slots=True)
class _Group:
    """Windows that go together. The less of two begins earlier, or else came first."""

    start: float
    number: int
    windows: Sequence[Window] = field(compare=False)


class _Waiting:
    """A heap of groups that may be decoded. The first are small, so that text comes early."""

    def __init__(self, most: int) -> None:
        self.groups: list[_Group] = []
        self._most = most
        self._came = 0
        self._planned = 0

    @property
    def windows(self) -> int:
        return sum(len(group.windows) for group in self.groups)

    def add_planned(self, windows: Sequence[Window]) -> None:
        """In groups of 1, 1, 2, 4, up to as many as go together."""
        while windows:
            size = min(max(self._planned, 1), self._most)
            self._push(windows[:size])
            self._planned += len(windows[:size])
            windows = windows[size:]

    def add_repairs(self, windows: Sequence[Window]) -> None:
        for first in range(0, len(windows), self._most):
            self._push(windows[first : first + self._most])

    def _push(self, windows: Sequence[Window]) -> None:
        self._came += 1
        heappush(self.groups, _Group(windows[0].start, self._came, windows))


class _InFlight:
    """A heap of groups that were submitted; so many of them, the first, go one by one."""

    def __init__(self, lone: float, ahead: int) -> None:
        self.groups: list[tuple[_Group, Future[tuple[Piece, ...]]]] = []
        self._lone = lone
        self._ahead = ahead
        self._landed = 0

    def wants(self, waiting: int) -> bool:
        """Whether more windows should be known where so many wait; first of all, one."""
        if self._landed < max(self._lone, 1):
            return not (self.groups or waiting)
        return waiting + self.windows < self._ahead

    def has_room_for(self, group: _Group) -> bool:
        """Who lies before all others is let in however many they are: they wait for it."""
        if not self.groups:
            return True
        if self._landed < self._lone:
            return False
        together = len(group.windows) + self.windows
        return together <= WINDOWS_IN_FLIGHT or group < self.groups[0][0]

    @property
    def windows(self) -> int:
        return sum(len(group.windows) for group, _ in self.groups)

    def add(self, group: _Group, pieces: Future[tuple[Piece, ...]]) -> None:
        heappush(self.groups, (group, pieces))

    def land(self) -> tuple[Piece, ...]:
        """Wait for the pieces of the group that lies before all others."""
        self._landed += 1
        _, pieces = heappop(self.groups)
        return pieces.result()


def _begin(options: TranscriptionOptions, device: str) -> tuple[_Waiting, _InFlight]:
    """On a processor the first window goes alone: nobody's steps come between its own."""
    if options.condition_on_previous_text:
        return _Waiting(1), _InFlight(lone=math.inf, ahead=1)
    if device.startswith("cpu"):
        return _Waiting(GROUP_WINDOWS_ON_CPU), _InFlight(lone=1, ahead=4 * GROUP_WINDOWS_ON_CPU)
    return _Waiting(GROUP_WINDOWS), _InFlight(lone=0, ahead=WINDOWS_IN_FLIGHT)


def _done(pieces: tuple[Piece, ...]) -> Future[tuple[Piece, ...]]:
    future: Future[tuple[Piece, ...]] = Future()
    future.set_result(pieces)
    return future


def _prompted(options: TranscriptionOptions, previous: str) -> TranscriptionOptions:
    """Options for a window after `previous`; unchanged unless text is to be passed on."""
    if not options.condition_on_previous_text:
        return options
    prompt = " ".join(part for part in (options.decoding.prompt, previous) if part) or None
    return replace(options, decoding=replace(options.decoding, prompt=prompt))


def _text_to_pass_on(piece: Piece | None, window: Window) -> str:
    """What was said before `window`: what both hear it would take for said already.

    As in openai-whisper, text of a window that needed a temperature above 0.5 prompts nobody.
    """
    if piece is None or piece.temperature > TRUSTED_TEMPERATURE:
        return ""
    before = "".join(word.text for word in piece.words if word.end <= window.start)
    return before.strip()[-PREVIOUS_TEXT_CHARACTERS:]
