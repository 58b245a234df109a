"""A service whose windows go to a Ray cluster: replicas, hosts, its gateway and itself are killed
during four jobs, and nothing is lost."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.app.jobs.four_jobs import seconds_after, windows_of
from tests.app.killing import Killable, killable
from tests.decoding.cluster.three_nodes import Nodes, only_by_night, three_nodes
from tests.trust.processes import children_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

SECONDS_OF_SOUND = 600
WINDOWS = windows_of(SECONDS_OF_SOUND)
PACE_SECONDS = 1.0  # of a window; four at once in each of three replicas
KILLS = 10
GATEWAY = b"spawn_main"  # in the command line of the service's process that asks the cluster


class Bench:
    """The service, the cluster, and what is killed of them."""

    def __init__(self, nodes: Nodes, service: Killable, given: tuple[str, ...]) -> None:
        self._nodes = nodes
        self.service = service
        self.given = given  # of any service on this cluster

    def kill(self, kind: str) -> None:
        match kind:
            case "replica":
                os.kill(random.choice(self._nodes.replicas()), signal.SIGKILL)
            case "host":
                victim = random.choice(self._nodes.raylets[1:])
                os.kill(victim, signal.SIGKILL)
                self._nodes.replace_host(victim)
            case "gateway":
                (gateway,) = (
                    child
                    for child in children_of(self.service.pid)
                    if GATEWAY in Path(f"/proc/{child}/cmdline").read_bytes()
                )
                os.kill(gateway, signal.SIGKILL)
            case "service":
                self.service.kill()
                self.service.start()


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    only_by_night(request)
    with ExitStack() as stack:
        nodes = stack.enter_context(three_nodes())
        way = nodes.connection
        given = ("--ray", way.address, "--token", str(way.token_file), "--pace", f"{PACE_SECONDS}")
        folder = tmp_path_factory.mktemp("lost")
        yield Bench(nodes, stack.enter_context(killable(folder / "data", *given)), given)


@pytest.mark.parametrize("kind", ["replica", "gateway", "host", "service"])
def test_nothing_is_lost(kind: str, bench: Bench, request: pytest.FixtureRequest):
    """`--night 1`: ten kills of each kind."""
    times = []
    for number in range(max(1, round(KILLS * request.config.getoption("--night")))):
        disturb = partial(bench.kill, kind)
        asked = (bench.service, SECONDS_OF_SOUND, number, 8)
        times.append(seconds_after(disturb, *asked))
    alone = WINDOWS * PACE_SECONDS / 12
    print(  # noqa: T201 - the figure of a nightly run
        f"{kind}: {len(times)} kills, done {min(times):.0f} to {max(times):.0f} s after them; "
        f"undisturbed all of it takes {alone:.0f} s"
    )


def test_two_services_share_the_replicas(bench: Bench, tmp_path: Path):
    """One of them is killed; each has the texts of its own jobs, and the other notices nothing."""
    with killable(tmp_path / "other", *bench.given) as other, ThreadPoolExecutor(1) as threads:
        undisturbed = (lambda: None, other, SECONDS_OF_SOUND, KILLS, 8)
        its = threads.submit(seconds_after, *undisturbed)
        disturbed = partial(bench.kill, "service"), bench.service, SECONDS_OF_SOUND, KILLS + 1, 8
        took = seconds_after(*disturbed)
        print(f"two services: done {took:.0f} s after the kill of one, {its.result():.0f} s")  # noqa: T201
