from pathlib import Path

import pytest

from bulk.addresses import (
    StoreUnavailable,
    folder_of,
    is_web,
    names_its_host,
    path_of,
    resolved,
    store_of,
)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("talks/a.wav", "talks/a.wav"),
        ("/talks/a b.wav", "/talks/a b.wav"),
        ("file:///talks/a%20b.wav", "/talks/a b.wav"),
        ("file://localhost/talks/a.wav", "/talks/a.wav"),
        ("file://elsewhere/talks/a.wav", None),
        ("s3://bucket/a.wav", None),
        ("zip::file:///a.zip", None),
        ("12:30 talk.wav", "12:30 talk.wav"),
    ],
)
def test_paths(address, path):
    assert path_of(address) == (Path(path) if path else None)


@pytest.mark.parametrize(
    ("base", "audio", "where"),
    [
        ("/lists", "talks/a.wav", "/lists/talks/a.wav"),
        ("/lists", "../a.wav", "/a.wav"),
        ("/lists", "/b/a.wav", "/b/a.wav"),
        ("/lists", "s3://bucket/a.wav", "s3://bucket/a.wav"),
        ("s3://bucket/lists", "a.wav", "s3://bucket/lists/a.wav"),
        ("https://h/lists/m.jsonl", "a.wav", "https://h/lists/a.wav"),
    ],
)
def test_audio_is_relative_to_the_manifest(base, audio, where):
    assert resolved(audio, base) == where


def test_folder_of_a_manifest():
    assert folder_of("/lists/m.jsonl") == "/lists"
    assert folder_of("s3://bucket/lists/m.jsonl") == "s3://bucket/lists"
    assert folder_of("https://h/m.jsonl") == "https://h/m.jsonl"


@pytest.mark.parametrize(
    ("address", "does"),
    [
        ("s3://bucket/a.wav", False),
        ("gs://bucket/a.wav", False),
        ("ftp://10.0.0.1/a.wav", True),
        ("sftp://10.0.0.1/a.wav", True),
        ("webhdfs://10.0.0.1/a.wav", True),
        ("simplecache::http://169.254.169.254/latest", True),
        ("zip://a.wav::s3://bucket/a.zip", True),
        ("reference://x", True),
    ],
)
def test_addresses_that_name_the_host_they_ask(address, does):
    assert names_its_host(address) is does


def test_a_chain_is_no_web_address():
    assert is_web("HTTPS://h/a.wav")
    assert not is_web("http::x")


def test_a_store_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(StoreUnavailable, match=r"setup.sh --extra s3"):
        store_of("s3://bucket/a.wav")
    with pytest.raises(StoreUnavailable, match="not read"):
        store_of("nonsense://bucket/a.wav")


def test_a_path_is_taken_as_it_is_written(tmp_path):
    store, name = store_of(str(tmp_path / "a::b.wav"))
    assert not store.exists(name)
    Path(name).touch()
    assert store.exists(name)
