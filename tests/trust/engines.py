"""A small engine with a loop, for processes that tests break: it dies, stands still, cannot open.

What a clip does is in its first sample; anything else is heard as `tests.app.planted` hears it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from decoding.types import Clip, Decoded, DecodingOptions, EngineStatistics, ModelCard
from tests.app.planted import heard_in

KILLS = 6666
STALLS = 7777
BROKEN = "broken"  # a file in the engine's folder: it cannot be opened while that is there
HELD = "held"  # … : its loop turns, and decodes nothing
CARD = ModelCard("planted", True, ("en", "de", "hi"), 1, "cpu", "fp32")


class LoopEngine:
    """Decodes one clip after another in a loop whose turns it counts."""

    model = CARD

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: deque[tuple[Clip, DecodingOptions, Future[Decoded]]] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._steps = 0
        self._decoded = 0
        threading.Thread(target=self._work, daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return not self._is_closed

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        future: Future[Decoded] = Future()
        with self._changed:
            self._waiting.append((clip, options, future))
            self._changed.notify()
        return future

    def cancel(self, group: str) -> None:
        with self._changed:
            gone = [one for one in self._waiting if one[0].group == group]
            self._waiting = deque(one for one in self._waiting if one[0].group != group)
        for _, _, future in gone:
            future.cancel()

    def statistics(self) -> EngineStatistics:
        waiting = len(self._waiting)
        return EngineStatistics(
            slots=1, queued=waiting, windows_decoded=self._decoded, steps=self._steps
        )

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
            while (self._folder / HELD).exists():
                self._steps += 1
                time.sleep(0.01)
            with self._changed:
                found = self._waiting.popleft() if self._waiting else None
            if found is not None:
                self._decode(*found)
            self._steps += 1

    def _decode(self, clip: Clip, options: DecodingOptions, future: Future[Decoded]) -> None:
        first = int(clip.samples[0])
        if first == KILLS:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == STALLS:
            threading.Event().wait()  # the loop; the process answers questions all the same
        self._decoded += 1
        future.set_result(heard_in(clip.samples, clip.seconds, options.language or "en"))


def open_loop_engine(folder: str) -> LoopEngine:
    """The factory of the process."""
    if (Path(folder) / BROKEN).exists():
        os._exit(9)
    return LoopEngine(Path(folder))


def sound_that(first: int, seconds: float) -> np.ndarray:
    """int16 samples every one of which is `first`."""
    return np.full(round(seconds * 16_000), first, np.int16)
