"""Hours of speech: tens of thousands of words, and the page stays at hand while it draws them.

What is asserted is how the work is cut, not how long it takes: that depends on the machine.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.planted import PROSE, plant
from tests.browser.stub_service import StubService

OpenPage = Callable[..., Page]
SEGMENTS = 3000
ROWS_AT_ONCE = 150
# Rows added between two turns of the event loop, and how often a click would have been heard.
WATCH_DRAWING = """
window.mostRows = 0;
window.turns = 0;
new MutationObserver((records) => {
  window.mostRows = Math.max(window.mostRows, records.reduce((n, r) => n + r.addedNodes.length, 0));
}).observe(document.querySelector("#segments"), { childList: true });
const turn = () => {
  window.turns += document.querySelector("#segments").hasAttribute("aria-busy") ? 1 : 0;
  setTimeout(turn, 0);
};
turn();
"""


@pytest.mark.slow
def test_four_hours_open_search_and_play(service: StubService, open_page: OpenPage) -> None:
    """It asks with plain selectors: an `expect` or a query by role walks the whole tree of names at
    every try, which takes longer than all that is shown here.
    """
    service.planted = plant(tuple(PROSE[n % len(PROSE)] for n in range(SEGMENTS)))
    service.add("four hours.mp3")
    words = len(service.planted.words)
    assert words > 40_000
    page = open_page(service.url)
    page.evaluate(WATCH_DRAWING)
    page.click("#jobs a")
    page.wait_for_selector("#coverage:not([hidden])")
    assert page.evaluate("document.querySelectorAll('.segments .word').length") == words
    assert 0 < page.evaluate("window.mostRows") <= ROWS_AT_ONCE
    assert page.evaluate("window.turns") > SEGMENTS // ROWS_AT_ONCE // 2
    far = "getComputedStyle(document.querySelector('.segment:last-child')).contentVisibility"
    assert page.evaluate(far) == "auto"  # rows off the screen cost no layout

    page.fill("#search-text", "harbour wall")
    page.wait_for_selector("#search-count:not(:empty)")
    assert page.inner_text("#search-count") == f"1 of {SEGMENTS // len(PROSE)}"
    page.fill("#seek", "10000")
    page.click("#play")
    page.wait_for_selector(".is-spoken")
