"""Calls that several tests make."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tests.app.planted import GIVE_UP_SECONDS, wav

SOUND = wav(70, seed=1)
LONG = wav(30 * 40, seed=2)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until the condition holds; how long that takes proves nothing."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up, f"never happened: {what}"
        time.sleep(0.02)


def submit(client: httpx.Client, sound: bytes = SOUND, **more: Any) -> httpx.Response:
    files = {"file": more.pop("files_name", ("talk.wav", sound))}
    return client.post("/v1/jobs", files=files, **more)


def events_of(response: httpx.Response) -> Iterator[tuple[str | None, str, Any]]:
    """(id, kind, content) of every event until the stream ends."""
    found: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if not line and "data" in found:
            yield found.get("id"), found["event"], json.loads(found["data"])
            found = {}
        elif name:
            found[name] = value
