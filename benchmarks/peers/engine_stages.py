"""What an engine of this process does with its processor time: stage by stage, clip by clip.

Looks from outside: while it listens, the engine's functions are timed as they are called. What
other threads of the process work meanwhile is counted too, so nothing else may be under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from chunking.types import Window
from decoding.engine.prefill import Prefiller
from decoding.engine.slot_table import SlotTable
from decoding.engine.window_request import WindowRequest
from decoding.engine.word_timing import WordTimingQueue
from decoding.types import Clip

Requests = Callable[..., Iterable[WindowRequest]]
SAME_SECONDS: Final = 0.01  # of two lengths, one of which is in whole samples


@dataclass(frozen=True, slots=True)
class Stage:
    """A function of the engine; `requests` finds whose windows a call of it works on."""

    name: str
    owner: type[Any]
    function: str
    requests: Requests


STAGES: Final = (
    Stage("log-mel", Prefiller, "encode", lambda _self, requests, *_: requests),
    Stage("encoder and prompt", Prefiller, "prompt", lambda _self, encoded: encoded.requests),
    Stage("steps", SlotTable, "enter", lambda _self, windows: [one for one, _ in windows]),
    Stage("steps", SlotTable, "step", lambda self: self.running.values()),
    Stage("word timing", WordTimingQueue, "start", lambda _self, slots: [s.request for s in slots]),
    Stage("word timing", WordTimingQueue, "ready", lambda self: [s.request for s in self._waiting]),
)
"""None calls another of them. A language that is to be found out is asked for in the first, with
the encoder."""


@dataclass(frozen=True, slots=True)
class EngineSeconds:
    """Processor seconds by stage; and by where a clip starts and how long it is, in seconds, what
    several share in equal parts."""

    by_stage: dict[str, float]
    by_clip: dict[tuple[float, float], float] = field(default_factory=dict)

    def add(self, stage: str, clips: Sequence[Clip], seconds: float) -> None:
        self.by_stage[stage] += seconds
        for clip in clips:
            key = (clip.start, clip.seconds)
            self.by_clip[key] = self.by_clip.get(key, 0.0) + seconds / len(clips)

    def of(self, windows: Iterable[Window]) -> float:
        """What the windows took, each of them once."""
        wanted = {(one.start, one.end - one.start) for one in windows}
        return sum(
            seconds
            for (start, length), seconds in self.by_clip.items()
            if any(start == s and abs(length - n) < SAME_SECONDS for s, n in wanted)
        )


@contextmanager
def engine_stages() -> Iterator[EngineSeconds]:
    """Filled while the block lasts."""
    seconds = EngineSeconds({stage.name: 0.0 for stage in STAGES})
    before = [(one.owner, one.function, getattr(one.owner, one.function)) for one in STAGES]
    try:
        for stage, (owner, name, function) in zip(STAGES, before, strict=True):
            setattr(owner, name, _timed(function, stage, seconds))
        yield seconds
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def _timed(function: Callable[..., Any], stage: Stage, seconds: EngineSeconds) -> Any:
    @wraps(function)
    def timed(*arguments: Any) -> Any:
        clips = [request.clip for request in stage.requests(*arguments)]
        began = time.process_time()
        try:
            return function(*arguments)
        finally:
            seconds.add(stage.name, clips, time.process_time() - began)

    return timed
