"""`longform bulk` as a process of its own, with a small engine in place of a model.

    python -m tests.bulk.planted_bulk FOLDER --input … --output …

Clips that begin with `KILLS` of tests/trust/engines.py kill the engine's process. `KILL_AT` in the
environment: the process is killed before so many steps that last on disk in the folder `KILL_IN`.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

import bulk.session as session
from bulk.__main__ import cli
from decoding.cluster.deployment import Application
from tests.bulk.planted_engine import engine_of
from tests.trust.durable_steps import DurableSteps
from transcription.cluster import scaling_of


def main() -> None:
    folder, *arguments = sys.argv[1:]
    factory = partial(engine_of, folder)
    session.open_decoder = lambda _settings, **_more: factory()
    session.application_of = lambda given: Application("planted", factory, scaling_of(given))
    if "KILL_AT" in os.environ:
        kill_at(int(os.environ["KILL_AT"]), Path(os.environ["KILL_IN"]))
    cli(arguments)


def kill_at(step: int, folder: Path) -> None:
    def act(number: int, _kind: str) -> None:
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)

    DurableSteps(folder, act)


if __name__ == "__main__":
    main()
