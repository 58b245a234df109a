"""Other programs that want the processor, for as long as somebody measures beside them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MOST_SECONDS: Final = 3600  # that one works, should nobody end it
COUNTING: Final = """
import os, sys, time
end, parent = time.monotonic() + float(sys.argv[1]), os.getppid()
print("busy", flush=True)
while time.monotonic() < end and os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def busy_processes(count: int, most_seconds: float = MOST_SECONDS) -> Iterator[tuple[int, ...]]:
    """The ids of `count` processes that do nothing but count; they end with the block, with this
    process, or when their time is over."""
    command = [sys.executable, "-c", COUNTING, str(most_seconds)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        for one in started:  # they are at it
            assert one.stdout is not None
            one.stdout.readline()
        yield tuple(one.pid for one in started)
    finally:
        for one in started:
            one.kill()
        for one in started:
            one.communicate()
