"""Webhooks: off by default, signed, tried again, and never sent inward."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.jobs import webhooks
from app.jobs.webhooks import sign
from app.settings import Settings
from app.storage.store import Store
from app.storage.tables import sqlite_url
from tests.app.calls import submit
from tests.app.conftest import Running, Start
from tests.app.loopback import Exchange, LoopbackServer
from tests.app.planted import GIVE_UP_SECONDS
from tests.app.storage.test_store import job

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


class Receiver(LoopbackServer):
    """A loopback server that keeps what it is sent and answers as told."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.came = threading.Event()
        super().__init__()

    def respond(self, exchange: Exchange) -> None:
        body = exchange.rfile.read(int(exchange.headers["Content-Length"]))
        self.received.append(({k.lower(): v for k, v in exchange.headers.items()}, body))
        status = self.answers.pop(0) if self.answers else 204
        exchange.answer(status, Location="http://127.0.0.1:1/inward")
        if status == 204:
            self.came.set()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def started(start: Start, receiver: Receiver) -> Running:
    return start(webhooks=True, webhook_secret=SECRET, webhook_hosts=receiver.host)


def test_off_by_default(shared: Running):
    with shared.client() as client:
        answer = submit(client, data={"webhook_url": "https://example.com/hook"})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "webhook_url")


@pytest.mark.row("F11")
def test_a_signed_message_when_a_job_ends(start: Start, receiver: Receiver):
    running = started(start, receiver)
    with running.client() as client:
        job = submit(client, data={"webhook_url": f"http://{receiver.host}/hook"}).json()
        assert receiver.came.wait(GIVE_UP_SECONDS)
    headers, body = receiver.received[0]
    content = json.loads(body)
    assert content["type"] == "job.completed"
    assert content["data"] == {
        "id": job["id"],
        "object": "job",
        "status": "completed",
        "error": None,
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.row("F11")
def test_tried_again_with_the_same_id(
    start: Start, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(webhooks, "FIRST_PAUSE_SECONDS", 0.05)
    receiver.answers = [500, 302]
    running = started(start, receiver)
    with running.client() as client:
        submit(client, b"not sound", data={"webhook_url": f"http://{receiver.host}/hook"})
        assert receiver.came.wait(GIVE_UP_SECONDS)
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1
    assert len(receiver.received) == 3
    assert json.loads(receiver.received[-1][1])["data"]["error"]["code"] == "unsupported_media"


def test_signature_of_the_standard_s_example():
    """The example of the Standard Webhooks specification."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class Deliveries:
    """Workflows that are only noted. `known`: the state of those that were begun before."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.begun: list[str] = []

    def register(self, _name: str, _body: object) -> None:
        pass

    def status_of(self, workflow: str) -> str | None:
        return self.known.get(workflow.replace(".", "_"))

    def start(self, _name: str, workflow: str, _argument: str) -> None:
        self.begun.append(workflow)


@pytest.mark.parametrize(
    ("known", "begun"),
    [
        ({}, ["hook_job_1.2"]),
        ({"hook_job_1": "PENDING", "hook_job_1_1": "PENDING"}, ["hook_job_1.2"]),
        ({"hook_job_1": "SUCCESS", "hook_job_1_1": "PENDING"}, []),
        ({"hook_job_1_2": "PENDING"}, []),
    ],
    ids=["never begun", "begun by others", "delivered", "begun"],
)
def test_who_takes_a_job_over_delivers_what_was_not(
    tmp_path: Path, known: dict[str, str], begun: list[str]
):
    store = Store(sqlite_url(tmp_path))
    ended = job(1, status="completed", webhook_url="https://hooks.example", generation=2)
    store.add(ended)
    deliveries = Deliveries(**known)
    settings = Settings(webhooks=True, webhook_secret="s")
    webhooks.Webhooks(settings, store, deliveries).open(ended.executor)  # type: ignore[arg-type]
    assert deliveries.begun == begun
    store.close()
