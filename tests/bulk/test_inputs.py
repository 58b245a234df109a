import gzip
from pathlib import Path

import fsspec
import pytest

from bulk.inputs import NoInput, open_input
from bulk.manifest import BrokenLine
from tests.app.loopback import LoopbackServer
from transcription.errors import AudioUnavailable
from transcription.outward import Reach
from transcription.sound_download import DownloadLimits

PUBLIC = DownloadLimits(Reach(allows_http=True), 1 << 20)
ALL = DownloadLimits(Reach(allows_http=True, allows_inward=True), 1 << 20)
LINE = b'{"audio": "a.wav"}\n'


class ManifestServer(LoopbackServer):
    def respond(self, exchange):
        exchange.answer(200, LINE)


def sources(address, workspace, limits=PUBLIC):
    return [line.source for line in open_input(str(address), limits, workspace).lines()]


def test_a_manifest_packed_or_not(tmp_path):
    (tmp_path / "m.jsonl").write_bytes(LINE)
    (tmp_path / "m.jsonl.gz").write_bytes(gzip.compress(LINE))
    for name in ("m.jsonl", "m.jsonl.gz"):
        assert sources(tmp_path / name, tmp_path) == [str(tmp_path / "a.wav")]


def test_a_folder_is_its_recordings_in_order(tmp_path):
    for name in ("b.wav", "deep/er/a.MP3", "a.flac", "notes.txt", ".hidden.wav", "code.ts"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("import x from 'y';")
    lines = list(open_input(str(tmp_path), PUBLIC, tmp_path).lines())
    assert [line.audio for line in lines] == ["a.flac", "b.wav", "deep/er/a.MP3"]
    assert [line.number for line in lines] == [1, 2, 3]
    assert lines[2].source == str(tmp_path / "deep/er/a.MP3")
    assert len({line.id for line in lines}) == 3


def test_a_folder_with_a_name_that_is_no_text(tmp_path):
    path = bytes(tmp_path / "caf") + b"\xe9.wav"
    with open(path, "wb"):
        pass
    (line,) = open_input(str(tmp_path), PUBLIC, tmp_path).lines()
    assert isinstance(line, BrokenLine)


def test_the_prefix_of_a_bucket(tmp_path):
    store = fsspec.filesystem("memory")
    for name in ("/listed/b.wav", "/listed/deep/a.wav", "/listed/x.json", "/beside/c.wav"):
        store.pipe_file(name, b"x")
    found = sources("memory://listed/", tmp_path)
    assert found == ["memory://listed/b.wav", "memory://listed/deep/a.wav"]


def test_a_manifest_in_a_bucket(tmp_path):
    """It is read several times, as a plain file: those of stores can do less."""
    for name, content in (("m.jsonl", LINE), ("m.jsonl.gz", gzip.compress(LINE))):
        fsspec.filesystem("memory").pipe_file(f"/manifests/{name}", content)
        assert sources(f"memory://manifests/{name}", tmp_path) == ["memory://manifests/a.wav"]
        assert (tmp_path / "manifest").with_suffix(Path(name).suffix).is_file()


def test_a_manifest_at_a_url(tmp_path):
    server = ManifestServer()
    try:
        assert sources(f"{server.url}/m.jsonl", tmp_path, ALL) == [f"{server.url}/a.wav"]
        with pytest.raises(AudioUnavailable, match="public"):
            sources(f"{server.url}/m.jsonl", tmp_path)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("nowhere.jsonl", "no manifest and no folder"),
        ("talk.wav", "is a recording"),
        ("ftp://10.0.0.1/m.jsonl", "--allow-inward"),
        ("simplecache::http://127.0.0.1/m.jsonl", "--allow-inward"),
    ],
)
def test_what_is_no_input(tmp_path, monkeypatch, address, problem):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoInput, match=problem):
        open_input(address, PUBLIC, tmp_path)
