from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from benchmarks.datasets.download import (
    Downloader,
    DownloadFailed,
    changed_files,
    read_ledger,
    unpack,
)
from benchmarks.datasets.registry import DATASETS
from benchmarks.datasets.types import DatasetCard, Download, Fetching, Index

CONTENT = bytes(range(256)) * 40


def card(fetching: Fetching | str) -> DatasetCard:
    demo = DATASETS["demo"]
    return DatasetCard("x", "X", "", "", "", "https://example.org", "", demo.load, fetching)


class Site:
    """A server that knows ranges; `cut` bytes is all it sends at a time."""

    def __init__(self, files: dict[str, bytes], cut: int | None = None) -> None:
        self.files, self.cut = files, cut
        self.ranges: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.ranges.append(request.headers.get("Range"))
        content = self.files.get(request.url.path)
        if content is None:
            return httpx.Response(404)
        asked = request.headers.get("Range")
        start = int(asked[6:-1]) if asked else 0
        if start >= len(content):
            return httpx.Response(416, headers={"Content-Range": f"bytes */{len(content)}"})
        length = {"Content-Length": str(len(content) - start)}
        sent = content[start:][: self.cut]
        return httpx.Response(206 if asked else 200, stream=Stream(sent), headers=length)


class Stream(httpx.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self):
        yield self.content


@pytest.fixture
def make_downloader(tmp_path: Path) -> Callable[[Site], Downloader]:
    def make(site: Site) -> Downloader:
        return Downloader(tmp_path, httpx.Client(transport=httpx.MockTransport(site)))

    return make


def test_whole_file_with_checksum_and_progress(make_downloader, tmp_path: Path) -> None:
    seen = []
    downloader = make_downloader(Site({"/a": CONTENT}))
    downloader.watch = lambda target, received, total: seen.append((target, received, total))
    checksum = "md5:" + hashlib.md5(CONTENT).hexdigest()
    path = downloader.bring(Download("https://x/a", "sub/a.bin", checksum))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("sub/a.bin", len(CONTENT), len(CONTENT))
    assert read_ledger(tmp_path)["sub/a.bin"] == "sha256:" + hashlib.sha256(CONTENT).hexdigest()


def test_interrupted_download_goes_on_where_it_stopped(make_downloader, tmp_path: Path) -> None:
    site = Site({"/a": CONTENT}, cut=6000)
    downloader = make_downloader(site)
    with pytest.raises(DownloadFailed, match="run the same command again"):
        downloader.bring(Download("https://x/a", "a"))
    assert not (tmp_path / "a").exists()
    downloader.bring(Download("https://x/a", "a"))
    assert site.ranges == [None, "bytes=6000-"]
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_complete_part_file_is_finished(make_downloader, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(CONTENT)
    make_downloader(Site({"/a": CONTENT})).bring(Download("https://x/a", "a"))
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_more_than_the_whole_file_is_fetched_anew(make_downloader, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(CONTENT + b"of another version")
    downloader = make_downloader(Site({"/a": CONTENT}))
    with pytest.raises(DownloadFailed, match="was removed, run the same command again"):
        downloader.bring(Download("https://x/a", "a"))
    downloader.bring(Download("https://x/a", "a"))
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_done_before_is_not_fetched_again(make_downloader) -> None:
    site = Site({"/a": CONTENT})
    downloader = make_downloader(site)
    downloader.bring(Download("https://x/a", "a"))
    downloader.bring(Download("https://x/a", "a"))
    assert len(site.ranges) == 1


def test_damaged_file_is_removed(make_downloader, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="damaged"):
        make_downloader(Site({"/a": CONTENT})).bring(Download("https://x/a", "a", "md5:0"))
    assert list(tmp_path.iterdir()) == []


def test_absent_file_names_its_address(make_downloader) -> None:
    with pytest.raises(DownloadFailed, match="https://x/gone"):
        make_downloader(Site({})).bring(Download("https://x/gone", "a"))


def test_no_network(tmp_path: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to host", request=request)

    downloader = Downloader(tmp_path, httpx.Client(transport=httpx.MockTransport(refuse)))
    with pytest.raises(DownloadFailed, match="no route to host"):
        downloader.bring(Download("https://x/a", "a"))


def test_a_set_with_an_index(make_downloader, tmp_path: Path) -> None:
    index = Index(
        Download("https://x/list", "list"),
        lambda text: tuple(Download(f"https://x/{n}", n) for n in text.split()),
    )
    site = Site({"/list": b"a b", "/a": b"A", "/b": b"B", "/c": b"C"})
    fetching = Fetching((Download("https://x/c", "c"),), (index,), remark="get the rest")
    assert make_downloader(site).get(card(fetching)) == "get the rest"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "c", "downloads.json", "list"]


def test_a_set_that_cannot_be_downloaded(make_downloader) -> None:
    with pytest.raises(DownloadFailed, match="ask for it"):
        make_downloader(Site({})).get(card("ask for it"))


def tar_of(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = 2
        tar.addfile(entry, io.BytesIO(b"hi"))
    return buffer.getvalue()


def zip_of(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(name, "hi")
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "make"), [("tar", tar_of), ("zip", zip_of)])
def test_archives_are_unpacked_and_removed(make_downloader, tmp_path: Path, kind, make) -> None:
    site = Site({"/a": make("inside/b.txt")})
    download = Download("https://x/a", "sub/a.archive", unpack=kind)
    downloader = make_downloader(site)
    downloader.bring(download)
    assert (tmp_path / "sub/inside/b.txt").read_text() == "hi"
    assert not (tmp_path / "sub/a.archive").exists()
    downloader.bring(download)
    assert len(site.ranges) == 1


def test_entries_that_lead_out_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar.gz"
    archive.write_bytes(tar_of("../../evil.txt"))
    with pytest.raises(DownloadFailed, match="cannot be unpacked"):
        unpack(archive, tmp_path / "deep" / "er", "tar")
    (tmp_path / "not.zip").write_bytes(b"no")
    with pytest.raises(DownloadFailed, match="cannot be unpacked"):
        unpack(tmp_path / "not.zip", tmp_path, "zip")


def test_change_after_the_download_is_noticed(make_downloader, tmp_path: Path) -> None:
    make_downloader(Site({"/a": CONTENT})).bring(Download("https://x/a", "a"))
    assert changed_files(tmp_path) == ()
    (tmp_path / "a").write_bytes(b"other")
    assert changed_files(tmp_path) == ("a",)
