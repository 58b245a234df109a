"""Sound that is fetched by URL: tried again where that helps, bounded, never from inward."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.app.loopback import Exchange, LoopbackServer
from transcription import sound_download
from transcription.errors import AudioNotFound, AudioTooLong, AudioUnavailable
from transcription.outward import Reach
from transcription.sound_download import DownloadLimits, download

SOUND = b"sound " * 100_000
ALL = Reach(allows_http=True, allows_inward=True)


class SoundServer(LoopbackServer):
    """Answers as the path says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__()

    def respond(self, exchange: Exchange) -> None:
        self.asked.append(exchange.path)
        kind, _, rest = exchange.path[1:].partition("/")
        is_first = self.asked.count(exchange.path) == 1
        if kind.isdigit() and (is_first or rest == "always"):
            exchange.answer(int(kind))
        elif kind == "packed" and "gzip" in (exchange.headers["Accept-Encoding"] or ""):
            exchange.answer(200, gzip.compress(SOUND), **{"Content-Encoding": "gzip"})
        elif kind == "drip":
            exchange.send_response(200)
            exchange.end_headers()
            with suppress(OSError):
                for _ in range(1000):
                    exchange.wfile.write(b"s")
                    time.sleep(0.01)
        elif kind == "to":
            exchange.answer(302, Location=rest)
        elif kind == "short" and is_first:
            exchange.send_response(200)
            exchange.send_header("Content-Length", str(len(SOUND)))
            exchange.end_headers()
            exchange.wfile.write(SOUND[:1000])
        else:
            exchange.answer(200, SOUND)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    monkeypatch.setattr(sound_download, "PAUSE_SECONDS", 0.0)
    server = SoundServer()
    yield server
    server.close()


class Kept(io.BytesIO):
    """A file whose content is there after it was closed."""

    content = b""

    def close(self) -> None:
        self.content = self.getvalue()
        super().close()


def fetched(url: str, reach: Reach = ALL, max_bytes: int = 1 << 20) -> bytes:
    files: list[Kept] = []

    def opened() -> Kept:
        files.append(Kept())
        return files[-1]

    download(url, opened, DownloadLimits(reach, max_bytes))
    return files[-1].content


@pytest.mark.parametrize("path", ["talk.wav", "503/once", "429/once", "408/once", "short/once"])
def test_what_passes_is_tried_again(server: SoundServer, path: str):
    assert fetched(f"{server.url}/{path}") == SOUND


def test_sound_is_not_packed_for_the_way(server: SoundServer):
    assert fetched(f"{server.url}/packed") == SOUND


@pytest.mark.parametrize("status", [404, 410])
def test_nothing_there_is_told_from_what_could_not_be_fetched(server: SoundServer, status: int):
    with pytest.raises(AudioNotFound):
        fetched(f"{server.url}/{status}")
    with pytest.raises(AudioUnavailable) as found:
        fetched(f"{server.url}/403")
    assert found.value.code == "audio_unavailable"


@pytest.mark.parametrize(("path", "tries"), [("503/always", 3), ("404/always", 1)])
def test_tries_are_bounded(server: SoundServer, path: str, tries: int):
    with pytest.raises(AudioUnavailable, match=path[:3]):
        fetched(f"{server.url}/{path}")
    assert len(server.asked) == tries


def test_redirects_are_followed_and_each_is_judged(server: SoundServer):
    assert fetched(f"{server.url}/to/{server.url}/talk.wav") == SOUND
    only_here = Reach(inward=frozenset({server.host}))
    with pytest.raises(AudioUnavailable, match="public"):
        fetched(f"{server.url}/to/https://127.0.0.1:1/a.wav", only_here)
    with pytest.raises(AudioUnavailable, match="redirects too often"):
        fetched(f"{server.url}/to/" * 6)


def test_more_bytes_than_are_taken(server: SoundServer):
    with pytest.raises(AudioTooLong):
        fetched(f"{server.url}/talk.wav", max_bytes=len(SOUND) - 1)


def test_check_ends_a_download(server: SoundServer):
    def check() -> None:
        raise RuntimeError("over")

    with pytest.raises(RuntimeError, match="over"):
        download(f"{server.url}/talk.wav", Kept, DownloadLimits(ALL, 1 << 20), check)


def test_next_to_nothing_is_not_waited_for(server: SoundServer, monkeypatch: pytest.MonkeyPatch):
    """A byte now and then would keep every limit on silence."""
    monkeypatch.setattr(sound_download, "GRACE_SECONDS", 0.3)
    with pytest.raises(AudioUnavailable, match="too slowly"):
        fetched(f"{server.url}/drip")
