"""`python -m benchmarks speed --cluster`: how much of the replicas' time is lost between them.

A timed engine stands in for a model, so that a machine without cards can tell; what a network
between real hosts costs, it cannot.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.cli.output import note, show
from benchmarks.speed.cluster_hosts import open_hosts

SECONDS = 2.0  # of a window
SLOTS = 4
ROUNDS = 12  # windows of each slot
HOSTS = ((2,), (2, 2), (2, 2, 2), (6, 5, 5))
"""Replicas on each host, one row each: 1, 2 and 3 hosts of two, and 16 replicas."""
COLUMNS = (
    *("hosts", "replicas", "windows", "wrong", "seconds", "least", "efficiency"),
    "against one host",
)


@dataclass(frozen=True, slots=True)
class Scaled:
    """What one row took; `least` if nothing were lost. `wrong`: windows with another's text."""

    replicas: tuple[int, ...]
    windows: int
    seconds: float
    least: float
    wrong: int
    kind: str

    @property
    def efficiency(self) -> float:
        return self.least / self.seconds


def measure(
    layouts: Sequence[tuple[int, ...]] = HOSTS,
    *,
    seconds: float = SECONDS,
    slots: int = SLOTS,
    rounds: int = ROUNDS,
) -> Iterator[Scaled]:
    """One after another, each on a cluster of its own. Raises `ConnectionError` and
    `subprocess.CalledProcessError`."""
    for replicas in layouts:
        count = sum(replicas)
        windows = count * slots * rounds
        with open_hosts(replicas) as hosts:
            connection = hosts.connection
            command = [*hosts.command, sys.executable, "-m", "benchmarks.speed.cluster_worker"]
            command += [connection.address, str(connection.token_file), f"--seconds={seconds}"]
            command += [f"--replicas={count}", f"--slots={slots}", f"--windows={windows}"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            answer = json.loads(done.stdout.splitlines()[-1])
        least = rounds * seconds
        yield Scaled(replicas, windows, answer["seconds"], least, answer["wrong"], hosts.kind)


def tell(rows: Iterable[Scaled], what: str = "Replicas") -> None:
    """A table on the terminal, as rows come."""
    found: list[Scaled] = []
    for row in rows:
        found.append(row)
        name = what.lower()
        note(f"{sum(row.replicas)} {name} on {len(row.replicas)} hosts: {row.efficiency:.0%}")
    first = found[0]
    engine = f"a timed engine, {SECONDS:g} s a window, {SLOTS} at once"
    title = f"{what} of {engine}; hosts are {first.kind}"
    show(title, COLUMNS, [cells(row, first) for row in found])


def cells(row: Scaled, first: Scaled) -> list[str]:
    """As `COLUMNS` names them."""
    return [
        f"{len(row.replicas)}",
        f"{sum(row.replicas)}",
        f"{row.windows}",
        f"{row.wrong}",
        f"{row.seconds:.1f}",
        f"{row.least:.1f}",
        f"{row.efficiency:.0%}",
        f"{row.efficiency / first.efficiency:.0%}",
    ]
