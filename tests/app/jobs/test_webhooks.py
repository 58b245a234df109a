"""Webhooks: off by default, signed, tried again, and never sent inward."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator

import pytest

from app.jobs import webhooks
from app.jobs.outward import InwardAddress, is_public, resolve
from app.jobs.webhooks import sign
from tests.app.calls import submit
from tests.app.conftest import Running, Start
from tests.app.loopback import Exchange, LoopbackServer
from tests.app.planted import GIVE_UP_SECONDS

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


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://10.0.0.8/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://0.0.0.0/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::127.0.0.1]/x",
        "https://[64:ff9b::10.0.0.8]/x",
        "https://[64:ff9b:1::10.0.0.8]/x",
        "https://[64:ff9b:1:2::5db8:d822]/x",
        "https://[2002:7f00:1::]/x",
        "https://[2002:a00:8::1]/x",
        "https://[2001:0:5db8:d822::f5ff:fff7]/x",
        "https://[::127.0.0.1]/x",
        "https://[fec0::1]/x",
        "https://[fc00::1]/x",
        "https://[fe80::1]/x",
        "https://[ff0e::1]/x",
        "https://[ff02::1]/x",
        "https://224.0.0.1/x",
        "https://239.255.255.250/x",
        "https://233.252.0.1/x",
        "https://255.255.255.255/x",
        "https://240.0.0.1/x",
        "https://100.64.0.1/x",
        "https://2130706433/x",
        "http://93.184.216.34/x",
        "https://user:pass@93.184.216.34/x",
        "https://93.184.216.34:99999/x",
        "ftp://93.184.216.34/x",
        "file:///etc/passwd",
        "https://",
        "nonsense",
    ],
)
@pytest.mark.row("F11")
def test_inward_and_odd_addresses(url: str):
    with pytest.raises(InwardAddress):
        resolve(url)


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::93.184.216.34"],
)
def test_public_addresses(address: str):
    assert is_public(address)


def test_the_connection_goes_to_the_address_that_was_checked():
    target = resolve("https://93.184.216.34:8443/hook?x=1")
    assert str(target.url) == "https://93.184.216.34:8443/hook?x=1"
    assert target.host == "93.184.216.34:8443"


def test_signature_of_the_standard_s_example():
    """The example of the Standard Webhooks specification."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
