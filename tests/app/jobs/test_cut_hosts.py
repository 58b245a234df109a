"""A Ray cluster during four jobs: a host's link is cut, or its head is killed with all on it.

Hosts are network namespaces of this machine; who ends is started again, as by a service manager.
"""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from benchmarks.speed.cluster_hosts import add_host, can_make_namespaces, ip
from decoding.cluster.connection import Connection
from tests.app.jobs.four_jobs import seconds_after
from tests.app.jobs.test_lost_replicas import (
    PACE_SECONDS,
    SECONDS_OF_SOUND,
)
from tests.app.killing import Killable, killable
from tests.decoding.cluster.three_nodes import only_by_night

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

ROOT = Path(__file__).parents[3]
NETWORK = "10.213.78"
PORT = 6399
HOSTS = 3
CUTS = 10
HEAD_SECONDS = 3.0  # that a killed head takes to be started again
HEALTH = {  # docs/scaling.md
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "4",
}


# A host does not see the processes of another: Ray would take them for its own.
ALONE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


class Host:
    """One `ray start`, started again whenever it ends. The head is on this machine itself."""

    def __init__(self, number: int, bridge: str, folder: Path, token: Path) -> None:
        self.link = f"{bridge}h{number}"
        self._is_head = number == 1
        role = ["--head", f"--port={PORT}", "--include-dashboard=false"]
        other = [f"--address={NETWORK}.1:{PORT}"]
        before = [] if self._is_head else ["ip", "netns", "exec", self.link]
        self._command = [*before, *ALONE, sys.executable, "-m", "ray.scripts.scripts", "start"]
        self._command += role if self._is_head else other
        self._command += [f"--node-ip-address={NETWORK}.{number}", "--disable-usage-stats"]
        self._command += [f"--num-cpus={0 if self._is_head else 2}", "--block"]
        home = folder / f"{number}"
        home.mkdir()
        given = Connection("a:1", token).environment | HEALTH
        self._environment = {**os.environ, **given, "RAY_TMPDIR": str(home)}
        self._environment["PYTHONPATH"] = str(ROOT)
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """It, and all that runs on it."""
        assert self._process is not None
        self._process.kill()

    def close(self) -> None:
        self._ending.set()
        self.kill()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ending.is_set():
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._process.wait()
            self._ending.wait(HEAD_SECONDS)


class Bench:
    """A service, and the cluster of hosts that decode for it."""

    def __init__(self, hosts: list[Host], service: Killable) -> None:
        self.hosts = hosts
        self.service = service

    def cut(self, kind: str) -> None:
        if kind == "head":
            self.hosts[0].kill()
            return
        victim = random.choice(self.hosts[1:])
        ip("link", "set", f"{victim.link}a", "down")
        self._cut = victim

    def mend(self, kind: str) -> None:
        if kind == "link":
            ip("link", "set", f"{self._cut.link}a", "up")
            self._cut.kill()  # the cluster has forgotten it


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    only_by_night(request)
    if not can_make_namespaces():
        pytest.skip("this machine lets us make no network namespaces")
    bridge = f"lc{os.getpid()}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-")))
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        ip("link", "add", bridge, "type", "bridge")
        stack.callback(ip, "link", "del", bridge, check=False)
        ip("addr", "add", f"{NETWORK}.1/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        hosts = []
        for number in range(1, HOSTS + 2):
            if number > 1:
                name = f"{bridge}h{number}"
                add_host(name, bridge, f"{NETWORK}.{number}/24")
                stack.callback(ip, "netns", "del", name, check=False)
            host = Host(number, bridge, folder, token)
            stack.callback(host.close)
            hosts.append(host)
            time.sleep(10.0 if number == 1 else 0.0)  # for its head
        given = ("--ray", f"{NETWORK}.1:{PORT}", "--token", str(token), "--pace", f"{PACE_SECONDS}")
        data = tmp_path_factory.mktemp("cut") / "data"
        yield Bench(hosts, stack.enter_context(killable(data, *given)))


@pytest.mark.parametrize("kind", ["link", "head"])
def test_nothing_is_lost(kind: str, bench: Bench, request: pytest.FixtureRequest):
    """`--night 1`: ten of each kind."""
    times = []
    for number in range(max(1, round(CUTS * request.config.getoption("--night")))):
        disturb = partial(bench.cut, kind)
        asked = (bench.service, SECONDS_OF_SOUND, number, 8)
        times.append(seconds_after(disturb, *asked))
        bench.mend(kind)
        print(f"{kind}: done {times[-1]:.0f} s after it", flush=True)  # noqa: T201 - a figure
