"""Models whose opening a test holds, fails and counts; their engines are planted ones."""

from __future__ import annotations

import threading
from dataclasses import replace

from app.engines.pool import EnginePool, Pauses
from app.engines.states import Progress
from decoding.types import Decoder
from tests.app.planted import PlantedDecoder

QUICK = Pauses(first=0.01, longest=0.05)


class PlantedOpening:
    """Opens a planted engine called `name` as soon as `may_open`; `failures` come first."""

    def __init__(
        self,
        name: str,
        *failures: Exception,
        is_held: bool = False,
        free_windows: int | None = None,
    ) -> None:
        self.name = name
        self.failures = list(failures)
        self.free_windows = free_windows
        self.may_open = threading.Event()
        self.engines: list[PlantedDecoder] = []
        self.progress = Progress("downloading", 5_000_000, 20_000_000)
        if not is_held:
            self.may_open.set()

    def __call__(self, tell) -> Decoder:
        tell(self.progress)
        assert self.may_open.wait(60)
        if self.failures:
            raise self.failures.pop(0)
        engine = PlantedDecoder(free_windows=self.free_windows)
        engine.model = replace(engine.model, name=self.name)
        self.engines.append(engine)
        return engine


def pool_of(*openings: PlantedOpening, **more) -> EnginePool:
    return EnginePool({one.name: one for one in openings}, pauses=QUICK, **more)
