"""What is measured, in a process of its own: `python -m benchmarks.worker`. The inside.

Its memory is measured alone, its threads do not mix with those of others, and it may crash without
taking the run with it. `benchmarks.worker_process` is the outside.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from importlib import import_module
from queue import SimpleQueue
from typing import Any, TextIO

from benchmarks.peers.types import PeerUnavailable
from benchmarks.worker_process import Opened, WorkFailed

ABANDONED = 4


def serve(requests: Iterator[Any], report: TextIO) -> None:
    """Opens what the first request names, and lets it answer the others, until one fails."""
    try:
        first = next(requests)
        module, _, function = first["opener"].partition(":")
        opened: Opened = getattr(import_module(module), function)(**first["work"])
        try:
            _tell(report, answer=opened.facts)
            for asked in requests:
                _tell(report, answer=opened.answer(asked))
        finally:
            opened.close()
    except (PeerUnavailable, WorkFailed) as error:
        _tell(report, problem=str(error))
    except Exception as error:  # noqa: BLE001  # what is measured may fail in any way
        sys.stderr.write(traceback.format_exc())
        _tell(report, problem=f"{type(error).__name__}: {error}")


def _tell(report: TextIO, **told: Any) -> None:
    report.write(json.dumps(told) + "\n")
    report.flush()


def requests_of(pipe: TextIO) -> Iterator[Any]:
    """What is asked, up to null. Where the pipe ends, so does this process: nobody reads on."""
    asked: SimpleQueue[Any] = SimpleQueue()

    def listen() -> None:
        for line in pipe:
            asked.put(json.loads(line))
        os._exit(ABANDONED)

    threading.Thread(target=listen, daemon=True).start()
    return iter(asked.get, None)


def main() -> None:
    """Keeps both pipes for requests and answers alone, whatever libraries read and print."""
    pipe = os.fdopen(os.dup(0), encoding="utf-8")
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    serve(requests_of(pipe), report)


if __name__ == "__main__":
    main()
