"""Run the tests whose figures depend on the processor's instructions, once for each set of them
that this processor can pretend to have. Its own are run by `make test`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.speed.processor.instruction_sets import own, pretended


def main() -> int:
    print(f"the machine's own instructions: {own().told} (run by `make test`)", flush=True)
    failed, sets = [], list(pretended())
    if not sets:
        print("it can pretend to have no others", flush=True)
    for one in sets:
        print(f"{one.name}: {one.told}", flush=True)
        start = time.monotonic()
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "instructions", *sys.argv[1:]],
            env={**os.environ, **one.environment},
        )
        took = time.monotonic() - start
        print(f"{one.name}: exit status {run.returncode}, {took:.0f} s", flush=True)
        if run.returncode:
            failed.append(one.name)
    print("failed: " + ", ".join(failed) if failed else "all that was run passed")
    return bool(failed)


sys.exit(main())
