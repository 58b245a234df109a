"""Any server that answers OpenAI's `POST /audio/transcriptions`, our own service too.

The time of a request includes the upload. Streaming is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.formats.types import TimedWord
from benchmarks.peers.types import PeerSpec, PeerTranscript, PeerUnavailable

PATIENCE_SECONDS = 4 * 3600.0


@dataclass(slots=True)
class Server:
    """A base address such as `http://127.0.0.1:8000/v1`."""

    spec: PeerSpec
    client: httpx.Client

    @property
    def settings(self) -> Mapping[str, str]:
        return {"model": self.spec.model, "address": self.spec.kind}

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript:
        form: dict[str, Any] = {
            "model": self.spec.model,
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"],
        }
        if language:
            form["language"] = language
        with audio.open("rb") as file:
            answer = self.client.post(
                "audio/transcriptions", data=form, files={"file": (audio.name, file)}
            )
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"HTTP {answer.status_code}: {answer.text[:300]}")
        found = answer.json()
        return PeerTranscript(
            text=str(found["text"]).strip(),
            words=tuple(
                TimedWord(str(w["word"]).strip(), float(w["start"]), float(w["end"]))
                for w in found.get("words") or ()
            ),
        )

    def close(self) -> None:
        self.client.close()


def open_server(spec: PeerSpec) -> Server:
    """Checks that something answers at the address."""
    headers = {"Authorization": f"Bearer {spec.api_key}"} if spec.api_key else {}
    client = httpx.Client(
        base_url=spec.kind.rstrip("/") + "/", headers=headers, timeout=PATIENCE_SECONDS
    )
    try:
        client.get("models", timeout=10.0)
    except httpx.TransportError as error:
        client.close()
        raise PeerUnavailable(f"nothing answers at {spec.kind}: {error}") from error
    return Server(spec, client)
