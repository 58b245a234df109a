"""The small engine of bulk runs that tests break. Actors of a cluster import this by its name."""

from __future__ import annotations

from functools import partial

from decoding.process.engine_process import EngineProcess, Restarts
from decoding.types import Decoder
from tests.trust.engines import open_loop_engine

QUICK = Restarts(in_a_row=5, first_delay=0.01)


def engine_of(folder: str) -> Decoder:
    return EngineProcess(partial(open_loop_engine, folder), restarts=QUICK)
