"""Chromium under the page, with every violation of the page's policy on record.

Tests here are left out, with a loud reason, where no Chromium is found. They wait for conditions,
never for a time; the limits only end a test that would otherwise hang.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.planted import PROSE, Planted, plant, wav
from tests.browser.stub_service import StubService

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
HOW_TO_INSTALL = (
    "BROWSER TESTS LEFT OUT: no Chromium found. Debian and Ubuntu: apt-get install -y chromium; "
    "elsewhere set CHROMIUM to the program"
)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
]
PATIENCE_MS = 60_000
TEST_SECONDS = 600  # the project's own limit is for tests that start no browser
expect.set_options(timeout=PATIENCE_MS)
# Runs before the page's own scripts, outside its policy.
WATCH_POLICY = """
window.policyViolations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.policyViolations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is a browser test."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TEST_SECONDS))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason=HOW_TO_INSTALL))


@dataclass
class Watched:
    """A page, and all that went wrong in it."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def complaints(self) -> list[str]:
        return [*self.problems, *self.page.evaluate("window.policyViolations")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium per module; not longer, as its event loop would forbid others' asyncio.run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, timeout=2 * PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page in a context of its own; at the end nothing may have gone wrong in it."""
    opened: list[Watched] = []

    def open_at(url: str, **context: Any) -> Page:
        page = browser.new_context(
            **{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **context}
        ).new_page()
        watched = Watched(page)
        page.add_init_script(WATCH_POLICY)
        page.on("pageerror", lambda error: watched.problems.append(str(error)))
        page.on("dialog", lambda dialog: watched.problems.append(f"dialog: {dialog.message}"))
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        opened.append(watched)
        return page

    yield open_at
    for watched in opened:
        assert watched.complaints() == []
        watched.page.context.close()


@pytest.fixture
def planted() -> Planted:
    return plant(PROSE, silence_after=3)


@pytest.fixture
def service(planted: Planted) -> Iterator[StubService]:
    with StubService(planted) as service:
        yield service


@pytest.fixture
def recording(planted: Planted, tmp_path: Path) -> Path:
    """A file that is as long as the planted transcript."""
    path = tmp_path / "harbour-council.wav"
    path.write_bytes(wav(planted.duration))
    return path


@pytest.fixture
def drop() -> Callable[..., None]:
    """Drops files onto the page as a person does with the mouse."""

    def drop_on(page: Page, *paths: Path) -> None:
        files = [
            {"name": p.name, "bytes": base64.b64encode(p.read_bytes()).decode()} for p in paths
        ]
        transfer = page.evaluate_handle(
            """(files) => {
              const transfer = new DataTransfer();
              for (const { name, bytes } of files) {
                const content = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
                transfer.items.add(new File([content], name));
              }
              return transfer;
            }""",
            files,
        )
        for event in ("dragenter", "dragover"):
            page.dispatch_event("main", event, {"dataTransfer": transfer})
        expect(page.locator("body")).to_have_class(re.compile("is-dragging"))
        page.dispatch_event("main", "drop", {"dataTransfer": transfer})
        expect(page.locator("body")).not_to_have_class(re.compile("is-dragging"))

    return drop_on


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    """Keeps a picture of the page among the test artefacts."""

    def save(page: Page, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"page-{name}.png")

    return save
