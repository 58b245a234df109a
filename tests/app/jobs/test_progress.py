"""What the engine is told of a job's progress."""

from __future__ import annotations

from pathlib import Path

from app.jobs.notifications import Notifications
from app.jobs.progress import ProgressReporter
from app.storage.store import Store
from app.storage.tables import sqlite_url
from tests.app.planted import PlantedDecoder
from tests.app.storage.test_store import job
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
