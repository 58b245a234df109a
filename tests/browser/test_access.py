"""For everyone and every device: keys, keyboard, names, contrast, phones, a strict policy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.planted import Planted
from tests.browser.stub_service import STATIC, StubService

OpenPage = Callable[..., Page]
Shoot = Callable[[Page, str], None]
KEY = "wl-4f1c"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TEXT_CONTRAST = 4.5
SHAPE_CONTRAST = 3.0
TEXT_PAIRS = [
    ("ink", "paper"),
    ("ink", "surface"),
    ("ink", "bad-soft"),
    ("ink", "warn-soft"),
    ("ink", "accent-soft"),
    ("muted", "paper"),
    ("muted", "surface"),
    ("muted", "sunken"),
    ("muted", "accent-soft"),
    ("accent", "surface"),
    ("accent", "accent-soft"),
    ("accent", "sunken"),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("bad", "surface"),
    ("bad", "bad-soft"),
    ("on-bad", "bad"),
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("spoken-ink", "spoken"),
    ("spoken-ink", "hit-now"),
    ("hit-ink", "hit"),
]
SHAPE_PAIRS = [
    ("line-strong", "surface"),
    ("accent", "surface"),
    ("bad", "sunken"),
    ("warn", "sunken"),
]
CONTROLS = {
    "button",
    "link",
    "textbox",
    "searchbox",
    "combobox",
    "slider",
    "spinbutton",
    "checkbox",
}


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_have_enough_contrast(
    service: StubService, open_page: OpenPage, shoot: Shoot
) -> None:
    service.add("talk.mp3")
    page = open_page(service.url + "#/jobs/job_1")
    expect(page.locator("#coverage")).to_be_visible()
    wanted = [(p, TEXT_CONTRAST) for p in TEXT_PAIRS] + [(p, SHAPE_CONTRAST) for p in SHAPE_PAIRS]
    papers = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        shoot(page, scheme)
        colour = page.evaluate(
            """(names) => {
              const style = getComputedStyle(document.documentElement);
              return Object.fromEntries(
                names.map((n) => [n, style.getPropertyValue(`--${n}`).trim()]));
            }""",
            sorted({name for pair in TEXT_PAIRS + SHAPE_PAIRS for name in pair}),
        )
        weak = {
            pair: round(contrast(colour[pair[0]], colour[pair[1]]), 2)
            for pair, least in wanted
            if contrast(colour[pair[0]], colour[pair[1]]) < least
        }
        assert weak == {}
        papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers == ["rgb(245, 244, 240)", "rgb(17, 21, 26)"]


def test_a_key_is_asked_for_and_kept_for_the_tab(
    planted: Planted, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    with StubService(planted, key=KEY) as service:
        service.add("talk.mp3")
        page = open_page(service.url)
        field = page.get_by_label("Key", exact=True)
        expect(field).to_be_focused()
        shoot(page, "key")
        field.fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#key-error")).to_have_text("The service did not accept this key.")
        field.fill(KEY)
        page.keyboard.press("Enter")
        expect(page.locator("#jobs .job")).to_have_count(1)
        page.set_input_files("#files", recording)
        expect(page.locator("#coverage")).to_be_visible()
        page.reload()
        expect(page.locator("#coverage")).to_be_visible()
        with page.expect_download():
            page.locator("#download > summary").click()
            page.get_by_role("button", name="WebVTT").click()
        assert page.evaluate("localStorage.length") == 0
        assert KEY not in page.url


def test_an_upload_refused_for_want_of_a_key_goes_on_with_one(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    page = open_page(service.url)
    expect(page.locator("#model-name")).to_be_visible()
    service.key = KEY
    page.set_input_files("#files", recording)
    page.get_by_label("Key", exact=True).fill(KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#coverage")).to_be_visible()
    assert len(service.uploads) == 1


def test_a_declined_key_is_not_asked_for_again_and_again(
    planted: Planted, open_page: OpenPage
) -> None:
    with StubService(planted, key=KEY) as service:
        page = open_page(service.url)
        page.clock.install()
        page.reload()
        page.get_by_role("button", name="Not now").click()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.clock.run_for(120_000)
        page.evaluate("window.dispatchEvent(new Event('online'))")
        expect(page.locator("#key-dialog")).to_be_hidden()
        assert asked == []
        page.get_by_role("button", name="API key").click()
        page.get_by_label("Key", exact=True).fill(KEY)
        page.keyboard.press("Enter")
        expect(page.locator("#model-name")).to_be_visible()


def test_only_uploads_that_wanted_a_key_go_on_with_one(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    page = open_page(service.url)
    service.is_full = True
    page.set_input_files("#files", recording)
    expect(page.locator(".upload")).to_contain_text("The queue is full")
    service.is_full = False
    service.key = KEY
    second = recording.with_name("second.wav")
    second.write_bytes(recording.read_bytes())
    page.set_input_files("#files", second)
    page.get_by_label("Key", exact=True).fill(KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#recording-title")).to_have_text("second.wav")
    expect(page.locator(".upload")).to_have_count(1)
    assert len(service.uploads) == 1


def test_a_key_is_remembered_only_by_choice_and_can_be_forgotten(
    planted: Planted, open_page: OpenPage
) -> None:
    with StubService(planted, key=KEY) as service:
        page = open_page(service.url)
        page.get_by_label("Key", exact=True).fill(KEY)
        page.get_by_label("Remember on this device").check()
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#key-dialog")).to_be_hidden()
        assert page.evaluate("localStorage.getItem('longform.key')") == KEY
        page.get_by_role("button", name="API key").click()
        page.get_by_role("button", name="Forget the key").click()
        expect(page.get_by_label("Key", exact=True)).to_be_focused()
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the keyboard is on the element."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_the_keyboard_is_enough(
    service: StubService, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    page = open_page(service.url)
    page.on("filechooser", lambda _: None)  # from now on, long before the first one opens
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the transcript")).to_be_focused()
    tab_to(page, "#files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(recording)
    expect(page.locator("#recording-title")).to_be_focused()
    expect(page.locator("#coverage")).to_be_visible()

    # One stop of Tab for the whole transcript; arrows inside it.
    tab_to(page, ".stamp")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent") == "survey"
    assert page.evaluate("document.activeElement.getAttribute('role')") == "button"
    shoot(page, "keyboard")
    page.keyboard.press("Enter")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.keyboard.press("Tab")
    expect(page.locator("#next-unsure")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.textContent") == "survey"

    page.locator("#delete").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-no")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#welcome")).to_be_visible()
    assert service.jobs == {}


def test_the_download_menu_closes_with_escape(service: StubService, open_page: OpenPage) -> None:
    service.add("talk.mp3")
    page = open_page(service.url + "#/jobs/job_1")
    summary = page.locator("#download > summary")
    expect(summary).to_be_visible()
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("#formats")).to_be_hidden()
    expect(summary).to_be_focused()


def test_every_control_has_a_name(service: StubService, open_page: OpenPage) -> None:
    service.add("talk.mp3")
    page = open_page(service.url + "#/jobs/job_1")
    expect(page.locator("#coverage")).to_be_visible()
    page.get_by_text("More options").click()
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    nodes = [node for node in tree["nodes"] if not node.get("ignored")]
    roles = [node.get("role", {}).get("value") for node in nodes]
    nameless = [
        role
        for node, role in zip(nodes, roles, strict=True)
        if role in CONTROLS and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    assert {"banner", "main", "navigation", "complementary", "search"} <= set(roles)


def test_progress_is_spoken(service: StubService, open_page: OpenPage, recording: Path) -> None:
    service.hold_after = 6
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator("#spoken-status")).to_have_text("50 % decoded")
    service.released.set()
    expect(page.locator("#spoken-status")).to_have_text(f"{recording.name}: done")


def test_it_fits_a_phone(
    service: StubService, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    page = open_page(service.url, **PHONE)
    shoot(page, "phone-welcome")
    page.set_input_files("#files", recording)
    expect(page.locator("#coverage")).to_be_visible()
    shoot(page, "phone-coverage")
    expect(page.locator("#side")).to_be_hidden()
    page.locator("#download > summary").click()
    menu = page.locator("#formats").bounding_box()
    assert menu
    assert 0 <= menu["x"] <= menu["x"] + menu["width"] <= PHONE["viewport"]["width"]
    page.keyboard.press("Escape")
    page.locator(".word", has_text="lighthouse").scroll_into_view_if_needed()
    shoot(page, "phone-reading")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]
    small = page.locator("#recording :is(button, summary, select):visible").evaluate_all(
        "(all) => all.filter((e) => !e.closest('#segments')).map((e) => [e.id, e.offsetHeight])"
        ".filter(([, height]) => height < 24)"
    )
    assert small == []
    page.get_by_role("link", name="All recordings").click()
    expect(page.locator("#side")).to_be_visible()
    for width in (PHONE["viewport"]["width"], 320):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_demo_model_is_called_one(service: StubService, open_page: OpenPage) -> None:
    page = open_page(service.url)
    expect(page.locator("#model-name")).to_have_text("Model: turbo")
    expect(page.locator("#demo-note")).to_be_hidden()
    service.model = "demo"
    page.reload()
    expect(page.locator("#model-name")).to_have_text("Model: demo")
    expect(page.locator("#demo-note")).to_contain_text("writes fluent nonsense for real people")
    expect(page.locator("#demo-note")).to_contain_text("LONGFORM_MODEL=base")


def test_the_demo_model_brings_something_to_try(service: StubService, open_page: OpenPage) -> None:
    service.model = "demo"
    page = open_page(service.url)
    page.get_by_role("button", name="Try the sample recording").click()
    expect(page.locator("#coverage")).to_be_visible()
    expect(page.locator("#recording-title")).to_have_text("sample-meeting.opus")
    # The sound is the sample itself, 90 seconds of it.
    page.wait_for_function("() => Math.round(document.querySelector('#audio').duration) === 90")


@pytest.mark.row("S2")
def test_a_violation_would_be_noticed(service: StubService, open_page: OpenPage) -> None:
    """The other tests expect none; this one proves that they look."""
    page = open_page(service.url)
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'http://x/'}))"
    )
    page.wait_for_function("() => window.policyViolations.length === 1")
    page.evaluate("window.policyViolations = []")


def test_the_page_asks_nobody_else_and_writes_no_markup() -> None:
    """Own files only; text reaches the page as text."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.style\b"
        r"|https?://(?!www\.w3\.org/2000/svg)| style=|\son[a-z]+="
    )
    texts = [path for path in STATIC.iterdir() if path.suffix in {".html", ".css", ".js", ".svg"}]
    assert len(texts) > 20
    found = {
        f"{path.name}: {match.group()}"
        for path in texts
        for match in forbidden.finditer(path.read_text())
    }
    assert found == set()
