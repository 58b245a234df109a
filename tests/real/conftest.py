"""Official models, loaded once for all tests that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from decoding.engine.engine import Engine
from decoding.loading.loader import load_model, read_checkpoint
from tests.decoding.oracle import openai_model
from tests.real.official import Official, weights

SLOTS = 2

Load = Callable[[str], Official]


@pytest.fixture(scope="session")
def official() -> Iterator[Load]:
    """Official weights by name; the test is skipped where they are not."""
    opened: dict[str, Official] = {}

    def load(name: str) -> Official:
        path = weights(name)
        if name not in opened:
            loaded = load_model(str(path), precision="fp32")
            engine = Engine(loaded, slots=SLOTS, threads=1)
            opened[name] = Official(loaded, engine, openai_model(read_checkpoint(str(path))))
        return opened[name]

    yield load
    for one in opened.values():
        one.engine.close()


@pytest.fixture(scope="session")
def base(official: Load) -> Official:
    return official("base")
