"""A Ray cluster of three nodes on this machine, in a process of its own: no test imports ray."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from decoding.cluster.connection import Connection
from tests.trust.processes import children_of

ROOT = Path(__file__).parents[3]
REPLICA = b"ServeReplica:"  # as Ray calls its processes
CPUS = (2, 2, 2)  # of the nodes; the head's first
PATIENCE = {"RAY_raylet_start_wait_time_s": "120"}  # on a busy machine


@dataclass(frozen=True, slots=True)
class Nodes:
    """`raylets`: the process of each node, the head's first."""

    connection: Connection
    raylets: list[int]
    process: subprocess.Popen[str]

    def replace_host(self, victim: int) -> None:
        """Start a node in place of one whose process was ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{CPUS[-1]}\n")
        self.process.stdin.flush()
        self.raylets.remove(victim)
        self.raylets.append(json.loads(self.process.stdout.readline()))

    def replicas(self) -> list[int]:
        """The processes of Serve's replicas, on all nodes."""
        return self.processes(REPLICA)

    def processes(self, name: bytes) -> list[int]:
        """Those that Ray calls so, on all nodes."""
        found = []
        for raylet in self.raylets:
            for child in children_of(raylet):
                with suppress(OSError):
                    if name in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(child)
        return found


def only_by_night(request: pytest.FixtureRequest) -> None:
    """Skip by day: a cluster takes half a minute to start, and the suite has started one."""
    if not request.config.getoption("--night"):
        pytest.skip("a further Ray cluster: by night (--night 1)")


@contextmanager
def three_nodes(cpus: tuple[int, ...] = CPUS) -> Iterator[Nodes]:
    """Started, and ended with all that ran on it. Skips where ray is missing."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is missing: sh setup.sh --extra cluster .venv")
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:  # sockets have short names
        token_file = Path(folder) / "token"
        token_file.write_text(secrets.token_hex(32))
        environment = Connection("a:1", token_file).environment
        places = {"PYTHONPATH": str(ROOT), "RAY_TMPDIR": folder}
        command = [sys.executable, "-m", "decoding.cluster.local_nodes", *map(str, cpus)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment, **PATIENCE, **places},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, "the cluster did not start; Ray says why above"
            told = json.loads(line)
            yield Nodes(Connection(told["address"], token_file), told["raylets"], process)
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()
