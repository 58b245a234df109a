"""The page on the real service with the demo model: nothing planted, nothing stubbed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import imageio_ffmpeg
import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
Shoot = Callable[[Page, str], None]
ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "benchmarks" / "recordings" / "demo-meeting.opus"
SECONDS = 130
START_SECONDS = 120.0
DECODE_MS = 240_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(url + "ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"the service did not start, exit status {process.poll()}")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of its own, stopped at the end."""
    folder = tmp_path_factory.mktemp("service")
    port = free_port()
    arguments = ["--port", str(port), "--model", "demo", "--data-dir", str(folder / "data")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "2"},
            stderr=log,
        )
        url = f"http://127.0.0.1:{port}/"
        try:
            wait_until_ready(url, process)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first minutes of the shipped recording."""
    path = tmp_path_factory.mktemp("speech") / "demo-meeting.wav"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(RECORDING)]
    subprocess.run([*ffmpeg, "-t", str(SECONDS), "-ac", "1", "-ar", "16000", str(path)], check=True)
    return path


@pytest.mark.slow
def test_a_recording_becomes_text_on_the_page(
    address: str, open_page: OpenPage, speech: Path, shoot: Shoot
) -> None:
    page = open_page(address)
    expect(page.locator("#demo-note")).to_be_visible()
    expect(page.locator("#upload-limit")).to_contain_text("2.1")
    page.evaluate(
        """() => new MutationObserver(() => {
          const isWorking = !document.querySelector("#working").hidden;
          if (isWorking && document.querySelector(".segment")) window.sawLiveText = true;
        }).observe(document.querySelector("#segments"), { childList: true })"""
    )
    page.set_input_files("#files", speech)
    page.wait_for_selector("#coverage:not([hidden])", timeout=DECODE_MS)
    assert page.evaluate("window.sawLiveText") is True
    shoot(page, "real")

    words = page.locator(".segments .word")
    assert words.count() > SECONDS
    third = page.locator(".segment").nth(2)
    word = third.locator(".word").first
    word.click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function("() => document.querySelector('.segment:nth-child(3) .is-spoken')")

    # After a reload the sound comes from the service.
    page.reload()
    page.wait_for_selector("#coverage:not([hidden])")
    text = page.locator("#segments").inner_text()
    word.click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function("() => document.querySelector('#audio').currentTime > 0.2")
    for name, ending in (
        ("SubRip", ".srt"),
        ("WebVTT", ".vtt"),
        ("Table", ".tsv"),
        ("words", ".json"),
    ):
        page.locator("#download summary").click()
        with page.expect_download() as download:
            page.locator("#formats button", has_text=name).click()
        assert download.value.suggested_filename.startswith("demo-meeting")
        assert download.value.suggested_filename.endswith(ending)
        assert word.inner_text() in download.value.path().read_text()
    assert word.inner_text() in text

    page.locator("#delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("#jobs .job")).to_have_count(0)
