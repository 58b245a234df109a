"""Calls that several tests make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from tests.app.planted import wav

SOUND = wav(70, seed=1)
LONG = wav(30 * 40, seed=2)


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
