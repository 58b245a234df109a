"""What the engine and the owner are told of a job's progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.http.job_documents import progress_document
from app.jobs.notifications import Notifications
from app.jobs.progress import ProgressReporter
from app.storage.store import Store
from app.storage.tables import sqlite_url
from tests.app.planted import PlantedDecoder
from tests.app.storage.test_store import job
from transcription.pace import Pace
from transcription.window_decoder import EngineWindowDecoder


def test_a_repair_does_not_send_its_job_to_the_end_of_the_queue(tmp_path: Path):
    """Those with the fewest windows left go first."""
    store, decoder = Store(sqlite_url(tmp_path)), PlantedDecoder()
    engine = EngineWindowDecoder(decoder, group="job_1")
    reporter = ProgressReporter(job(1), store, Notifications(), engine, lambda: None)
    reporter.planned(1800.0, 60)
    assert engine.windows_left == 60
    reporter.decoded(59, 1770.0)
    assert engine.windows_left == 1
    reporter.planned(1800.0, 61)  # a repair
    assert engine.windows_left == 2
    store.close()
    decoder.close()


class Watch:
    """A clock that a test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def reported(tmp_path: Path, watch: Watch) -> Iterator[Callable[..., ProgressReporter]]:
    """Reporters of a stored job on an engine of eight slots."""
    store, decoder = Store(sqlite_url(tmp_path)), PlantedDecoder(slots=8)

    def of(**state: Any) -> ProgressReporter:
        stored = replace(job(1), status="running", **state)
        store.add(stored)
        engine = EngineWindowDecoder(decoder, group=stored.id, pace=Pace(watch))
        reporter = ProgressReporter(stored, store, Notifications(), engine, lambda: None, watch)
        reporter.engine, reporter.store = engine, store  # type: ignore[attr-defined]
        return reporter

    yield of
    store.close()
    decoder.close()


def work_through(reporter: Any, watch: Watch, groups: int, passed: int = 0) -> None:
    """Groups of eight windows that take 20 s and end together, as the pipeline hears of them."""
    for group in range(groups):
        reporter.engine.pace.submitted(8)
        watch.now += 20.0
        for _ in range(8):
            reporter.engine.pace.ended(is_done=True)
        for window in range(passed + 8 * group, passed + 8 * group + 8):
            reporter.decoded(window + 1, 30.0 * (window + 1))


def end_expected(reporter: Any) -> float:
    reporter.segments([])  # writes
    return reporter.store.find("job_1").end_expected


def test_groups_that_end_together_do_not_mislead_the_forecast(reported: Any, watch: Watch):
    """Counted from the first finished window, 80 windows would take no time at all."""
    reporter = reported()
    began = watch.now
    reporter.planned(2400.0, 80)
    assert end_expected(reporter) is None
    for groups in range(1, 10):
        work_through(reporter, watch, 1, passed=8 * (groups - 1))
        assert end_expected(reporter) == pytest.approx(began + 200.0)


def test_windows_of_an_earlier_run_are_neither_pace_nor_work(reported: Any, watch: Watch):
    reporter = reported(windows_done=40, windows=80)
    began = watch.now
    reporter.planned(2400.0, 80)
    for window in range(40):  # answered from the checkpoints, in no time
        reporter.decoded(window + 1, 30.0 * (window + 1))
    assert end_expected(reporter) is None
    work_through(reporter, watch, 1, passed=40)
    assert end_expected(reporter) == pytest.approx(began + 100.0)


def test_windows_decoded_ahead_of_an_unfinished_one_count(reported: Any, watch: Watch):
    reporter = reported()
    reporter.planned(2400.0, 80)
    reporter.engine.pace.submitted(24)
    for _ in range(2):  # two groups, behind one that is not whole
        watch.now += 20.0
        for _ in range(8):
            reporter.engine.pace.ended(is_done=True)
    assert end_expected(reporter) == pytest.approx(watch.now + 160.0)


def test_the_remaining_time_ages_and_is_not_told_when_it_is_over():
    """The document counts from now; how long the test takes does not matter."""
    running = replace(job(1), status="running")
    moment = time.time()
    left = progress_document(replace(running, end_expected=moment + 1e6))["eta_seconds"]
    assert 0 < left <= 1e6
    later = progress_document(replace(running, end_expected=moment + 1e5))["eta_seconds"]
    assert later < left
    assert progress_document(replace(running, end_expected=moment - 1))["eta_seconds"] is None
    assert progress_document(running)["eta_seconds"] is None
    waiting = replace(running, status="queued", end_expected=moment + 1e6)
    assert progress_document(waiting)["eta_seconds"] is None
    done = replace(running, status="completed", end_expected=moment + 1e6)
    assert progress_document(done)["eta_seconds"] == 0.0
