"""What an engine of this process does with its processor time, stage by stage.

Looks from outside: while it listens, the engine's functions are timed as they are called. What
other threads of the process work meanwhile is counted too, so nothing else may be under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

from decoding.engine.prefill import Prefiller
from decoding.engine.slot_table import SlotTable
from decoding.engine.word_timing import WordTimingQueue

STAGES: Final[tuple[tuple[str, type[Any], str], ...]] = (
    ("log-mel", Prefiller, "encode"),
    ("encoder and prompt", Prefiller, "prompt"),
    ("steps", SlotTable, "enter"),
    ("steps", SlotTable, "step"),
    ("word timing", WordTimingQueue, "start"),
    ("word timing", WordTimingQueue, "ready"),
)
"""Stage, class and function. None calls another of them; a language that is to be found out is
asked for in the first, with the encoder."""


@contextmanager
def engine_stages() -> Iterator[dict[str, float]]:
    """Processor seconds by stage, filled while the block lasts."""
    seconds = {stage: 0.0 for stage, _, _ in STAGES}
    before = [(owner, name, getattr(owner, name)) for _, owner, name in STAGES]
    try:
        for stage, owner, name in STAGES:
            setattr(owner, name, _timed(getattr(owner, name), seconds, stage))
        yield seconds
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def _timed(function: Callable[..., Any], seconds: dict[str, float], stage: str) -> Any:
    @wraps(function)
    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            seconds[stage] += time.process_time() - began

    return timed
