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
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import TEST_SECONDS
from tests.browser.stub_service import CONTENT_SECURITY_POLICY, STATIC

OpenPage = Callable[..., Page]
Shoot = Callable[[Page, str], None]
Drop = Callable[..., None]
ROOT = Path(__file__).parents[2]
SAMPLE = STATIC / "sample.opus"
START_SECONDS = 600.0
STOP_SECONDS = 120.0
DECODE_SECONDS = 900.0
# Notes that there was text while the bar stood between nothing and all.
WATCH_LIVE_TEXT = """
window.sawLiveText = false;
const bar = document.querySelector("#progress");
new MutationObserver(() => {
  const isUnderWay = bar.hasAttribute("value") && bar.value < 1;
  if (isUnderWay && document.querySelector(".segments .word")) window.sawLiveText = true;
}).observe(bar, { attributes: true });
"""


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
            # One step at a time, so that a short recording, too, has a middle.
            env={**os.environ, "OMP_NUM_THREADS": "2", "LONGFORM_LONE_JOB_STEPS": "1"},
            stderr=log,
        )
        url = f"http://127.0.0.1:{port}/"
        try:
            wait_until_ready(url, process)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.mark.slow
@pytest.mark.timeout(START_SECONDS + DECODE_SECONDS + STOP_SECONDS + TEST_SECONDS)
def test_a_recording_becomes_text_on_the_page(
    address: str, open_page: OpenPage, drop: Drop, shoot: Shoot
) -> None:
    page = open_page(address)
    expect(page.locator("#demo-note")).to_be_visible()
    expect(page.locator("#upload-limit")).to_contain_text("2.1")
    policy = httpx.get(address).headers["content-security-policy"]
    assert policy == CONTENT_SECURITY_POLICY  # the other tests' service sends the same

    # Short windows make two steps of this recording: text of the first while the second is decoded.
    page.get_by_text("More options").click()
    page.get_by_label("Beams").fill("1")
    page.get_by_label("Window, s").fill("10")
    page.evaluate(WATCH_LIVE_TEXT)
    drop(page, SAMPLE)
    page.wait_for_selector("#coverage:not([hidden])", timeout=DECODE_SECONDS * 1000)
    assert page.evaluate("window.sawLiveText") is True
    assert page.locator(".segments .word").count() > 100
    shoot(page, "real")

    third = page.locator(".segment").nth(2)
    word = third.locator(".word").first
    word.click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function("() => document.querySelector('.is-spoken') !== null")

    # After a reload the text is the same, and the sound comes from the service.
    text = page.locator("#segments").text_content()
    page.reload()
    page.wait_for_selector("#coverage:not([hidden])")
    assert page.locator("#segments").text_content() == text
    word.click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function("() => document.querySelector('#audio').currentTime > 0.2")
    for name, ending in (
        ("SubRip", ".srt"),
        ("WebVTT", ".vtt"),
        ("Table", ".tsv"),
        ("words", ".json"),
    ):
        page.locator("#download > summary").click()
        with page.expect_download() as download:
            page.locator("#formats button", has_text=name).click()
        assert download.value.suggested_filename.startswith("sample")
        assert download.value.suggested_filename.endswith(ending)
        assert word.inner_text() in download.value.path().read_text()

    page.locator("#delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("#jobs .job")).to_have_count(0)
