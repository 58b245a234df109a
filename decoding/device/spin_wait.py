"""How long the threads of OpenMP stay awake between two loops.

The runtime that PyTorch brings along (GNU's) keeps them awake for about 300,000 rounds, some
milliseconds, and so burns the processor that others on the machine hold: beside them a step waits
for threads that wait for each other. With so few rounds that only the gaps within a step are
bridged, nobody else is kept out, and a lone step is as quick. It is read from the environment when
PyTorch is loaded (`GOMP_SPINCOUNT` in libgomp's manual); what a user has set stays.
"""

from __future__ import annotations

import os

SPIN_COUNT = "GOMP_SPINCOUNT"
WAIT_POLICY = "OMP_WAIT_POLICY"
ROUNDS = "500"
"""With fewer a lone engine is slower, with more it is no quicker, and slows itself beside others
(benchmarks/results/2026-11-30-company.md)."""


def spin_briefly() -> None:
    """For this process, if PyTorch has not been loaded yet, and for those that it starts."""
    if WAIT_POLICY not in os.environ:
        os.environ.setdefault(SPIN_COUNT, ROUNDS)


def spin_by_default() -> None:
    """Take it back for libraries that are loaded from now on."""
    if os.environ.get(SPIN_COUNT) == ROUNDS:
        del os.environ[SPIN_COUNT]
