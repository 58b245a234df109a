"""Jobs that are deleted while they finish: nobody looks in vain for what is gone."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.storage.store import Job
from tests.app.calls import submit, until
from tests.app.conftest import Start
from tests.app.planted import GIVE_UP_SECONDS, wav

JOBS = 10


def test_deleting_jobs_that_finish(start: Start, caplog: pytest.LogCaptureFixture):
    running = start()
    logging.getLogger("dbos").addHandler(caplog.handler)  # it tells nobody else
    jobs = running.service.jobs
    deletions: list[Future[None]] = []
    with ThreadPoolExecutor(JOBS) as threads, running.client() as client:

        def delete(job: Job) -> None:
            deletions.append(threads.submit(jobs.delete, job.id))

        jobs.on_end.append(delete)
        with caplog.at_level(logging.INFO):
            names = [submit(client, wav(1, seed=seed)).json()["id"] for seed in range(JOBS)]
            until(lambda: len(deletions) == JOBS, "all jobs have ended")
            for deletion in deletions:
                deletion.result(GIVE_UP_SECONDS)
            until(lambda: jobs.running() == 0, "all have left")
        assert all(client.get(f"/v1/jobs/{name}").status_code == 404 for name in names)
    logging.getLogger("dbos").removeHandler(caplog.handler)
    worst = [record for record in caplog.records if record.levelno > logging.INFO]
    assert [record.getMessage() for record in worst] == []
    assert running.service.folders.names() == []
