"""A small engine with a loop, for processes that tests break: it dies, stands still, cannot open.

What a clip does is in its first sample; anything else is heard as `tests.app.planted` hears it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np

from decoding.types import Clip, Decoded, DecodingOptions, ModelCard
from tests.app.planted import heard_in
from tests.decoding.fakes import OneByOne

KILLS = 6666
STALLS = 7777
BROKEN = "broken"  # a file in the engine's folder: it cannot be opened while that is there
HELD = "held"  # … : its loop turns, and decodes nothing
CARD = ModelCard("planted", True, ("en", "de", "hi"), 1, "cpu", "fp32")


class LoopEngine(OneByOne):
    """Does what clips and files in `folder` tell it to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(CARD)

    def before_a_clip(self) -> None:
        while (self._folder / HELD).exists():
            self.turns += 1
            time.sleep(0.01)

    def decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        first = int(clip.samples[0])
        if first == KILLS:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == STALLS:
            threading.Event().wait()  # the loop; the process answers questions all the same
        return heard_in(clip.samples, clip.seconds, options.language or "en")


def open_loop_engine(folder: str) -> LoopEngine:
    """The factory of the process."""
    if (Path(folder) / BROKEN).exists():
        os._exit(9)
    return LoopEngine(Path(folder))


def sound_that(first: int, seconds: float) -> np.ndarray:
    """int16 samples every one of which is `first`."""
    return np.full(round(seconds * 16_000), first, np.int16)
