"""Who may see what: no key, a wrong key, the job of another; names and paths that lead nowhere."""

from __future__ import annotations

import http.client
import os
import random
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.http.api_keys import new_key
from tests.app.calls import submit
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, wav
from tests.trust.processes import bytes_below
from tests.trust.table import Row

NO_JOB = "job_" + "0" * 24
OPEN_TO_ALL = {"/health", "/ready"}
FORM = {"files": {"file": ("a.wav", wav(3))}, "data": {"model": "whisper-1"}}


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, dict[str, dict[str, str]]]:
    """The file of keys, and the headers of Ann, Bob and of three who have none."""
    pairs = {name: new_key(name) for name in ("ann", "bob")}
    path = tmp_path / "keys"
    path.write_text("".join(f"{line}\n" for _, line in pairs.values()))
    headers = {name: {"Authorization": f"Bearer {key}"} for name, (key, _) in pairs.items()}
    strangers = {"nobody": {}, "wrong": {"Authorization": "Bearer nonsense"}}
    basic = {"Authorization": f"Basic {pairs['ann'][0]}"}
    return path, headers | strangers | {"basic": basic}


def calls_of(client: httpx.Client, job_id: str) -> list[tuple[str, str]]:
    """Method and address of every route that the service describes."""
    paths: dict[str, dict[str, Any]] = client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path.replace("{job_id}", job_id).replace("{name}", "whisper-1"))
        for path, methods in paths.items()
        for method in methods
        if path not in OPEN_TO_ALL
    ]


@pytest.mark.row("S1")
def test_strangers_learn_nothing(start: Start, tmp_path: Path, keys: Any, row: Row):
    path, headers = keys
    running = start(api_keys_file=path, data_dir=tmp_path / "data")
    with running.client(headers=headers["ann"]) as ann:
        job = submit(ann).json()["id"]
        assert running.wait(job, **headers["ann"])["status"] == "completed"
        calls = calls_of(ann, job)
    before = bytes_below(running.service.folders.jobs)
    tried = 0
    for who in ("nobody", "wrong", "basic"):
        with running.client(headers=headers[who]) as client:
            for method, address in calls:
                answer = client.request(method, address, **(FORM if method == "POST" else {}))
                assert answer.status_code == 401, (method, address)
                assert answer.json()["error"]["code"] == "invalid_api_key"
                tried += 1
    assert bytes_below(running.service.folders.jobs) == before
    with running.client(headers=headers["bob"]) as bob:
        for method, address in calls:
            if job in address:
                answer = bob.request(method, address)
                nowhere = bob.request(method, address.replace(job, NO_JOB))
                assert answer.status_code == nowhere.status_code == 404
                assert answer.text.replace(job, NO_JOB) == nowhere.text
                tried += 1
        assert bob.get("/v1/jobs").json()["data"] == []
    row.tell(f"{len(calls)} routes, {tried} tries: 0 let in, 0 bytes kept")


class Opened:
    """Hears which paths this process opens; what listens cannot be taken away again."""

    def __init__(self) -> None:
        self._paths: list[str] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and self._paths is not None and isinstance(arguments[0], str | bytes):
            self._paths.append(os.fsdecode(arguments[0]))

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        self._paths = paths = []
        try:
            yield paths
        finally:
            self._paths = None


def sources() -> set[str]:
    """Files of this program, which are read where a mistake is described."""
    return {
        file for module in tuple(sys.modules.values()) if (file := module.__dict__.get("__file__"))
    }


CLIMBS = ("..", "../..", "..%2f", "%2e%2e/", "..%5c", "....//", "%252e%252e%252f", "..%c0%af")
TARGETS = ("etc/passwd", "longform.db", "keys", "proc/self/environ", "jobs", "app/settings.py")
PARTS = ("%00", "%0d%0aX:y", "a" * 5000, "%ff", "'", '"', "`id`", "$(id)", "*", "~", ".", "%20")
PLACES = ("/v1/jobs/{}", "/v1/jobs/{}/transcript", "/v1/jobs/{}/events", "/v1/jobs/{}/clip",
          "/static/{}", "/{}", "/v1/models/{}")  # fmt: skip
ADDRESSES = 2000


def hostile_addresses(job_id: str) -> list[str]:
    chance = random.Random(11)
    ids = [
        climb * depth + "/" + target for climb in CLIMBS for depth in (1, 4) for target in TARGETS
    ]
    ids += [*PARTS, job_id.upper(), job_id[:-1], job_id + "%00", job_id + "/..", f"../{job_id}"]
    while len(ids) * len(PLACES) < ADDRESSES:
        pieces = [chance.choice((*CLIMBS, *TARGETS, *PARTS)) for _ in range(3)]
        ids.append(chance.choice(("", "/", "%2f")).join(pieces))
    return [place.format(one) for one in ids for place in PLACES][:ADDRESSES]


def statuses_of(running: Running, addresses: list[str]) -> dict[str, int]:
    """What is answered to these addresses, sent as they are: better clients tidy them first."""
    connection = http.client.HTTPConnection(
        running.url.removeprefix("http://"), timeout=GIVE_UP_SECONDS
    )
    statuses = {}
    with closing(connection):
        for address in addresses:
            connection.request("GET", address)
            with connection.getresponse() as answer:
                answer.read()
                statuses[address] = answer.status
    return statuses


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.row("B5")
def test_ids_and_paths_lead_nowhere(start: Start, tmp_path: Path, row: Row):
    running = start(data_dir=tmp_path / "data")
    (tmp_path / "keys").write_text("secret")
    with running.client() as client:
        job = submit(client, wav(3)).json()["id"]
    running.wait(job)
    addresses = hostile_addresses(job)
    statuses_of(running, addresses[:1])  # what is loaded at the first time
    with Opened().listening() as opened:
        statuses = statuses_of(running, addresses)
    assert {one: status for one, status in statuses.items() if not 400 <= status < 500} == {}
    data, own = str(tmp_path / "data"), sources()
    strange = {path for path in opened if not path.startswith(data) or ".." in path}
    assert strange - own == set()
    row.tell(f"{len(statuses)} addresses: 0 let through, 0 files opened outside the data folder")
