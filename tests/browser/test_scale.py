"""Hours of speech: tens of thousands of words stay fast."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.planted import PROSE, plant
from tests.browser.stub_service import StubService

OpenPage = Callable[..., Page]
SEGMENTS = 3000
SHOWN_WITHIN_SECONDS = 10.0
LONGEST_TASK_MS = 600
WATCH_TASKS = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask" });
"""


@pytest.mark.slow
def test_four_hours_open_search_and_play(service: StubService, open_page: OpenPage) -> None:
    """Limits are for a slow, busy machine; an idle one takes a tenth of them.

    It asks with plain selectors: an `expect` or a query by role walks the whole tree of names at
    every try, which takes longer than all that is measured here.
    """
    service.planted = plant(tuple(PROSE[n % len(PROSE)] for n in range(SEGMENTS)))
    service.add("four hours.mp3")
    words = len(service.planted.words)
    page = open_page(service.url)
    page.evaluate(WATCH_TASKS)
    start = time.monotonic()
    page.click("#jobs a")
    page.wait_for_selector("#coverage:not([hidden])", timeout=60_000)
    shown = time.monotonic() - start
    assert page.evaluate("document.querySelectorAll('.segments .word').length") == words

    page.fill("#search-text", "harbour wall")
    page.wait_for_selector("#search-count:not(:empty)")
    assert page.inner_text("#search-count") == f"1 of {SEGMENTS // len(PROSE)}"
    page.fill("#seek", "10000")
    page.click("#play")
    page.wait_for_selector(".is-spoken", timeout=20_000)
    longest = page.evaluate("window.longest")

    assert words > 40_000
    assert shown < SHOWN_WITHIN_SECONDS
    assert longest < LONGEST_TASK_MS
