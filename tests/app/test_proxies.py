"""The blocks of docs/deployment.md in the real nginx and the real Caddy, in front of the service.

Left out, with a loud reason, where the program is not on this machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.http.api_keys import new_key
from tests.app.calls import until
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, PlantedDecoder, engine_failure, text_of, wav

DOCUMENT = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text("utf-8")
WHERE = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
UPSTREAM = "127.0.0.1:8000"
NAME = "speech.example"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
PLAIN = "server {\n    listen 443 ssl;\n    location / { proxy_pass http://127.0.0.1:8000; }\n}"
HASTY = {"x-stainless-read-timeout": "0.3"}  # what the client claims; it waits longer here

pytestmark = pytest.mark.slow


def block_of(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found
    assert UPSTREAM in found[1]
    return found[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nginx(block: str, folder: Path, port: int) -> list[str]:
    """The command that serves this block without TLS; everything that it writes is in `folder`."""
    block = re.sub(r" *ssl_certificate.*\n", "", block)
    block = block.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    places = "".join(f"    {name}_temp_path {folder / name};\n" for name in TEMPORARY)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder / 'pid'};\nevents {{}}\n"
        f"http {{\n    access_log off;\n{places}{block}}}\n"
    )
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(block: str, folder: Path, port: int) -> list[str]:
    own = f"{{\n    admin off\n    storage file_system {folder}\n}}\n"
    (folder / "Caddyfile").write_text(
        own + block.replace(f"{NAME} {{", f"http://{NAME}:{port} {{\n    bind 127.0.0.1")
    )
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@dataclass(frozen=True)
class Proxy:
    name: str
    command: Callable[[str, Path, int], list[str]]
    block: str
    is_plain: bool = False


PROXIES = [
    Proxy("nginx", nginx, block_of("nginx")),
    Proxy("nginx", nginx, PLAIN, is_plain=True),
    Proxy("caddy", caddy, block_of("caddy")),
]
Behind = Callable[[Running, Proxy], httpx.Client]


def before(*proxies: Proxy) -> pytest.MarkDecorator:
    """Runs a test once before each of these that is on this machine."""
    rows = []
    for proxy in proxies:
        name = f"{proxy.name}, plain" if proxy.is_plain else proxy.name
        reason = f"PROXY TESTS LEFT OUT: no {proxy.name} (apt-get install {proxy.name})"
        is_missing = pytest.mark.skipif(not shutil.which(proxy.name, path=WHERE), reason=reason)
        rows.append(pytest.param(proxy, marks=is_missing, id=name))
    return pytest.mark.parametrize("proxy", rows)


with_any = before(*PROXIES)
with_ours = before(*(proxy for proxy in PROXIES if not proxy.is_plain))


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    """Puts a proxy before a running service; the client names it as people would."""
    with ExitStack() as stack:

        def put(running: Running, proxy: Proxy) -> httpx.Client:
            folder = tmp_path / proxy.name
            folder.mkdir()
            block = proxy.block.replace(UPSTREAM, running.url.removeprefix("http://"))
            port = free_port()
            program, *arguments = proxy.command(block, folder, port)
            command = [shutil.which(program, path=WHERE) or program, *arguments]
            process = stack.enter_context(
                subprocess.Popen(command, env={"HOME": str(folder)}, stderr=subprocess.DEVNULL)
            )
            stack.callback(process.terminate)
            _wait_for(port, process)
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Host": NAME if proxy.name == "nginx" else f"{NAME}:{port}"},
                timeout=GIVE_UP_SECONDS,
                trust_env=False,
            )
            return stack.enter_context(client)

        yield put


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, "the proxy ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the proxy never listened")


def asking(sound: bytes, **fields: str) -> dict[str, object]:
    return {
        "url": "/v1/audio/transcriptions",
        "data": {"model": "whisper-1", **fields},
        "files": {"file": ("a.wav", sound)},
    }


@with_any
def test_the_page_may_upload(start: Start, behind: Behind, proxy: Proxy):
    """nginx's bare proxy_pass names the upstream in Host, which a browser's origin never is."""
    running = start(allowed_hosts=NAME)
    client = behind(running, proxy)
    assert client.get("/").status_code == 200
    seconds = 20 if proxy.is_plain else 100  # 3.2 MB, above nginx's own limit
    own = {"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"}
    assert client.put("/v1/jobs", content=wav(seconds), headers=own).status_code == 202
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.put("/v1/jobs", content=wav(1), headers=foreign).status_code == 403


@with_ours
def test_browsers_that_name_their_origin_alone_may_upload(
    start: Start, behind: Behind, proxy: Proxy
):
    client = behind(start(allowed_hosts=NAME), proxy)
    own = {"Origin": f"https://{client.headers['host']}"}
    assert client.put("/v1/jobs", content=wav(1), headers=own).status_code == 202


@with_any
def test_streams_pass_as_they_come(start: Start, behind: Behind, proxy: Proxy):
    """The engine keeps the rest back until the client has heard of the beginning."""
    decoder = PlantedDecoder(slots=1, free_windows=8)
    running = start(decoder, allowed_hosts=NAME, lone_job_steps=1)
    client = behind(running, proxy)
    sound = wav(20, seed=3)
    with client.stream("POST", **asking(sound, stream="true", window="1", overlap="0")) as answer:
        events = [line for line in _released(answer, decoder) if line.startswith("data: {")]
    assert "transcript.text.delta" in events[0]
    assert json.loads(events[-1].removeprefix("data: "))["text"] == text_of(sound, window=1.0)


def _released(answer: httpx.Response, decoder: PlantedDecoder) -> Iterator[str]:
    for line in answer.iter_lines():
        if line.startswith("data: "):
            decoder.released.set()
        yield line


@with_any
def test_signs_of_life_pass_as_they_come(start: Start, behind: Behind, proxy: Proxy):
    """The engine hears nothing until the client has seen three of them."""
    decoder = PlantedDecoder(free_windows=0)
    client = behind(start(decoder, allowed_hosts=NAME), proxy)
    sound = wav(20, seed=1)
    with client.stream("POST", **asking(sound), headers=HASTY) as answer:
        body = ""
        for part in answer.iter_text():
            body += part
            if body.startswith("\n\n\n"):
                decoder.released.set()
    assert json.loads(body)["text"] == text_of(sound)


@with_ours
def test_an_answer_that_breaks_off_is_never_taken_for_a_transcript(
    start: Start, behind: Behind, proxy: Proxy
):
    """Caddy before 2.8 ends such an answer as if it were whole: what came is no JSON then."""
    decoder = PlantedDecoder(free_windows=0, fail=engine_failure)
    client = behind(start(decoder, allowed_hosts=NAME, step_attempts=1), proxy)
    body = ""
    with ExitStack() as stack:
        if proxy.name == "nginx":
            stack.enter_context(pytest.raises(httpx.RemoteProtocolError))
        else:
            stack.enter_context(suppress(httpx.RemoteProtocolError))
        answer = stack.enter_context(client.stream("POST", **asking(wav(20)), headers=HASTY))
        for part in answer.iter_text():
            body += part
            decoder.released.set()
    assert body
    assert not body.strip()


@with_ours
def test_a_refusal_reaches_who_still_sends(
    start: Start, behind: Behind, proxy: Proxy, tmp_path: Path
):
    (tmp_path / "keys").write_text(new_key("ann")[1])
    client = behind(start(allowed_hosts=NAME, api_keys_file=tmp_path / "keys"), proxy)
    answer = client.put("/v1/jobs", content=bytes(20_000_000))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@with_any
def test_a_client_that_goes_is_noticed(start: Start, behind: Behind, proxy: Proxy):
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, allowed_hosts=NAME, disconnect_grace_seconds=0.1)
    client = behind(running, proxy)
    with client.stream("POST", **asking(wav(20), stream="true"), headers=HASTY):
        until(running.service.folders.names, "the request is taken")
    until(lambda: decoder.cancelled, "the work of a client that is gone is cancelled")
