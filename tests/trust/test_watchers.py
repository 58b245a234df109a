"""Clients that watch a job for ever: so many of one key, and no more."""

from __future__ import annotations

from contextlib import ExitStack

from tests.app.calls import LONG, submit, until
from tests.app.conftest import Start
from tests.app.planted import PlantedDecoder


def test_watchers_are_limited(start: Start):
    running = start(PlantedDecoder(free_windows=0), watchers_per_key=3)
    with running.client() as client:
        path = f"/v1/jobs/{submit(client, LONG).json()['id']}/events"
        with ExitStack() as stack:
            watching = [stack.enter_context(client.stream("GET", path)) for _ in range(3)]
            assert {answer.status_code for answer in watching} == {200}
            refused = client.get(path)
            assert refused.status_code == 429
            assert refused.json()["error"]["code"] == "too_many_requests"
            assert "retry-after" in refused.headers
        until(lambda: running.service.watchers.in_use == 0, "all have left")
        with client.stream("GET", path) as answer:
            assert answer.status_code == 200
