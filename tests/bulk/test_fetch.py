import errno
import os

import fsspec
import pytest

from bulk import retries
from bulk.fetch import Fetcher
from bulk.retries import is_ours, persistently
from tests.app.loopback import LoopbackServer
from transcription.errors import AudioNotFound, AudioTooLong, AudioUnavailable
from transcription.outward import Reach
from transcription.sound_download import DownloadLimits

SOUND = b"sound" * 1000


class SoundServer(LoopbackServer):
    def respond(self, exchange):
        if exchange.path.startswith("/to/"):
            exchange.answer(302, Location=exchange.path[4:])
        else:
            exchange.answer(200, SOUND)


@pytest.fixture
def server():
    server = SoundServer()
    yield server
    server.close()


def fetcher(**reach):
    return Fetcher(DownloadLimits(Reach(allows_http=True, **reach), 100_000))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(retries, "PAUSES", (0.0, 0.0))


def test_what_is_here_stays_where_it_is(tmp_path):
    (path := tmp_path / "a b.wav").write_bytes(SOUND)
    for source in (str(path), f"file://{tmp_path}/a%20b.wav"):
        assert fetcher().fetch(source, tmp_path) == path
    assert [one.name for one in tmp_path.iterdir()] == ["a b.wav"]


def test_from_a_url_and_from_a_store(tmp_path, server):
    fsspec.filesystem("memory").pipe_file("/fetched/a.wav", SOUND)
    for source in (f"{server.url}/a.wav", "memory://fetched/a.wav"):
        assert fetcher(allows_inward=True).fetch(source, tmp_path).read_bytes() == SOUND


def test_inward_addresses_are_refused(tmp_path, server):
    inward = (
        *(f"{server.url}/a.wav", "http://169.254.169.254/latest", "https://[64:ff9b::7f00:1]/a"),
        *("ftp://127.0.0.1/a.wav", "simplecache::http://127.0.0.1/a.wav", "sftp://10.0.0.1/a"),
    )
    for source in inward:
        with pytest.raises(AudioUnavailable, match=r"public|--allow-inward"):
            fetcher().fetch(source, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_redirect_inward_is_refused(tmp_path, server):
    trusted = Reach(allows_http=True, inward=frozenset({server.host}))
    fetch = Fetcher(DownloadLimits(trusted, 100_000)).fetch
    assert fetch(f"{server.url}/to/{server.url}/a.wav", tmp_path)
    with pytest.raises(AudioUnavailable, match="public"):
        fetch(f"{server.url}/to/http://127.0.0.1:1/a.wav", tmp_path)


@pytest.mark.parametrize("source", ["nowhere.wav", "letter.txt/a.wav", "memory://nowhere.wav"])
def test_what_is_not_there(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam")
    with pytest.raises(AudioNotFound):
        fetcher().fetch(source, tmp_path)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for source in (tmp_path / "pipe.wav", tmp_path):
        with pytest.raises(AudioUnavailable, match="not a file"):
            fetcher().fetch(str(source), tmp_path)


def test_too_many_bytes(tmp_path, server):
    fsspec.filesystem("memory").pipe_file("/fetched/long.wav", SOUND)
    fetch = Fetcher(DownloadLimits(Reach(allows_http=True, allows_inward=True), 1000)).fetch
    for source in (f"{server.url}/a.wav", "memory://fetched/long.wav"):
        with pytest.raises(AudioTooLong):
            fetch(source, tmp_path)


def failing(*errors):
    left = list(errors)

    def action():
        if left:
            raise left.pop(0)
        return "done"

    return action


def test_what_may_pass_is_tried_again_and_not_for_ever():
    assert persistently(failing(TimeoutError(), ConnectionError())) == "done"
    with pytest.raises(ConnectionError):
        persistently(failing(*[ConnectionError()] * 3))


@pytest.mark.parametrize("error", [FileNotFoundError(), PermissionError(), ImportError()])
def test_what_does_not_pass_is_not_tried_again(error):
    action = failing(error)
    with pytest.raises(type(error)):
        persistently(action)
    assert action() == "done"


def test_a_full_disk_is_no_recording_s_fault(tmp_path, monkeypatch):
    store = fsspec.filesystem("memory")
    store.pipe_file("/fetched/full.wav", SOUND)
    full = OSError(errno.ENOSPC, "full")
    monkeypatch.setattr(type(store), "get_file", lambda *_given: failing(full)())
    monkeypatch.setattr(retries, "PAUSES", ())
    with pytest.raises(OSError, match="full") as found:
        fetcher().fetch("memory://fetched/full.wav", tmp_path)
    assert is_ours(found.value)
