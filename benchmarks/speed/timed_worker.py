"""A worker with a timed engine, as a process: `python -m benchmarks.speed.timed_worker URL`."""

from __future__ import annotations

import argparse
import signal
import threading
from functools import partial

from app.workers.opening import open_worker
from benchmarks.speed.postgres_workers import settings_of
from benchmarks.speed.timed_engine import TimedEngine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, required=True, help="of a window")
    parser.add_argument("--slots", type=int, required=True)
    given = parser.parse_args()
    engine = partial(TimedEngine, given.seconds, given.slots)
    worker, stopping = open_worker(settings_of(given.url), engine), threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopping.set()
        worker.wake()

    signal.signal(signal.SIGTERM, stop)
    worker.run(stopping)


if __name__ == "__main__":
    main()
