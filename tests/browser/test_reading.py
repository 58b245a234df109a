"""The finished transcript: words, doubts, coverage, search and sound."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from playwright.sync_api import Page, expect

from chunking.types import RepairRequest
from tests.browser.planted import HOSTILE, PROSE, Planted, clean, plant
from tests.browser.stub_service import StubService

OpenPage = Callable[..., Page]
Shoot = Callable[[Page, str], None]


def open_done(service: StubService, open_page: OpenPage, name: str = "talk.mp3") -> Page:
    """A page on a recording that was finished before."""
    service.add(name)
    page = open_page(service.url + "#/jobs/job_1")
    expect(page.locator("#coverage")).to_be_visible()
    return page


def thirds(text: str, start: float) -> list[dict[str, Any]]:
    """Three "words" of a second each that together are the text."""
    size = len(text) // 3
    parts = (text[:size], text[size : 2 * size], text[2 * size :])
    return [
        {"word": part.strip(), "start": start + n, "end": start + n + 1, "probability": 0.9}
        for n, part in enumerate(parts)
    ]


def position(page: Page) -> float:
    return float(page.locator("#seek").input_value())


@pytest.mark.row("S2")
def test_markup_is_shown_as_text(
    service: StubService, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    """In the live text, in the transcript, in names and in what the service says about the file."""
    payloads = (HOSTILE, "<svg/onload=alert(1)>", "</p><iframe src=/>")
    planted = plant(payloads)
    coverage = {**planted.coverage, "warnings": [HOSTILE]}
    service.planted = Planted(planted.segments, coverage, planted.duration)
    service.hold_after = 2
    hostile_name = recording.with_name("<img src=x onerror=alert(1)>.wav")
    hostile_name.write_bytes(recording.read_bytes())
    page = open_page(service.url)
    page.set_input_files("#files", hostile_name)
    expect(page.locator(".said")).to_have_text(payloads[:2])
    service.released.set()
    expect(page.locator("#coverage")).to_be_visible()
    expect(page.locator(".said")).to_have_text(payloads)
    expect(page.locator("#warnings li")).to_have_text(HOSTILE)
    expect(page.locator("#recording-title")).to_have_text(hostile_name.name)
    injected = "#recording :is(img, script, iframe, [onload], [onerror]), .segments svg, .job img"
    assert page.locator(injected).count() == 0
    assert "owned" not in page.title()
    shoot(page, "hostile")


def test_text_keeps_its_own_spacing(service: StubService, open_page: OpenPage) -> None:
    """Words are found inside the text of the segment; what stands between them stays."""
    texts = ("東京は今日も雨です。", "नमस्ते, यह एक परीक्षा है।")
    planted = plant(texts)
    segments = tuple(
        {**segment, "start": 3.0 * n, "end": 3.0 * n + 3, "words": thirds(text, 3.0 * n)}
        for n, (segment, text) in enumerate(zip(planted.segments, texts, strict=True))
    )
    service.planted = Planted(segments, planted.coverage, 7.0)
    page = open_done(service, open_page)
    expect(page.locator(".said")).to_have_text(texts)
    expect(page.locator(".segments .word")).to_have_count(6)


def test_channels_are_named(service: StubService, open_page: OpenPage, planted: Planted) -> None:
    """Two people who speak at once: each segment has the words of its own channel."""
    first, second = planted.segments[:2]
    together = {
        **second,
        "start": first["start"],
        "end": first["start"] + second["end"] - second["start"],
        "words": [
            {**w, "start": w["start"] + first["start"] - second["start"], "channel": 1}
            for w in second["words"]
        ],
        "channel": 1,
    }
    alone = {**first, "words": [{**w, "channel": 0} for w in first["words"]], "channel": 0}
    service.planted = Planted((alone, together), planted.coverage, planted.duration)
    page = open_done(service, open_page)
    expect(page.locator(".channel")).to_have_text(["Channel 1", "Channel 2"])
    for row, segment in enumerate((alone, together)):
        heard = page.locator(".segment").nth(row).locator(".word")
        expect(heard).to_have_text([word["word"] for word in segment["words"]])


def test_doubtful_words_differ_by_more_than_colour(
    service: StubService, open_page: OpenPage
) -> None:
    page = open_done(service, open_page)
    unsure = page.locator(".segments .unsure")
    expect(unsure).to_have_text(["washed", "cooperative:", "ice"])
    expect(page.locator(".segments .lost")).to_have_text(["quay", "carried."])
    expect(unsure.first).to_have_attribute("title", "Unsure: 55 % confidence")
    lines = [
        page.locator(f".segments .{kind}").first.evaluate(
            "(word) => getComputedStyle(word).textDecorationStyle"
        )
        for kind in ("unsure", "lost")
    ]
    assert lines == ["dotted", "wavy"]
    expect(page.locator("#legend")).to_contain_text("below 60 % confidence")


def test_the_coverage_report_leads_to_its_places(
    service: StubService, open_page: OpenPage, planted: Planted
) -> None:
    page = open_done(service, open_page)
    expect(page.locator("#verdict-text")).to_have_text("2 places to check")
    expect(page.locator("#places .place")).to_have_count(3)
    expect(page.locator("#measures")).to_contain_text("Speech without words")
    gap = planted.coverage["uncovered"][0]
    page.get_by_role("button", name=re.compile("Speech without words, 4.2")).click()
    page.wait_for_function(
        "(t) => Number(document.querySelector('#seek').value) > t", arg=gap["start"]
    )
    # The hole is visible inside the text as well, where it belongs.
    order = page.locator("#segments > li").evaluate_all("rows => rows.map(r => r.className)")
    assert order.index("gap") == 4
    page.locator(".gap-button").click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")


def test_unsure_words_count_beside_full_coverage(
    service: StubService, open_page: OpenPage, planted: Planted
) -> None:
    service.planted = clean(planted)
    page = open_done(service, open_page)
    expect(page.locator("#verdict-text")).to_have_text("All speech has words.")
    expect(page.locator("#next-unsure")).to_have_text("Next of 5 unsure words")
    expect(page.locator("#places .place")).to_have_count(0)


REASONS = (*get_args(get_type_hints(RepairRequest)["reason"]), "repetitive", "improbable", "sparse")


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize(("words", "told"), [(0, "nothing"), (1, "1 word"), (12, "12 words")])
def test_a_second_hearing_says_why_and_what_it_brought(
    service: StubService, open_page: OpenPage, planted: Planted, reason: str, words: int, told: str
) -> None:
    whole = clean(planted)
    again = {"window": 7, "start": 25.0, "end": 40.0, "reason": reason, "words": words}
    service.planted = Planted(
        whole.segments, {**whole.coverage, "redecoded": [again]}, whole.duration
    )
    place = open_done(service, open_page).locator("#places .place")
    expect(place).to_contain_text(f"; brought {told}, 15")
    expect(place).not_to_contain_text(f"again: {reason};")  # each reason has a text of its own


def test_nothing_at_all_to_check(service: StubService, open_page: OpenPage) -> None:
    service.planted = clean(plant(PROSE[:2]))
    page = open_done(service, open_page)
    expect(page.locator("#verdict-text")).to_have_text("All speech has words. Nothing to check.")
    expect(page.locator("#next-unsure")).to_be_hidden()


def test_a_damaged_file_is_never_called_whole(
    service: StubService, open_page: OpenPage, planted: Planted
) -> None:
    damage = "Parts of the file are damaged; some sound may be missing."
    whole = clean(planted)
    service.planted = Planted(
        whole.segments, {**whole.coverage, "warnings": [damage]}, whole.duration
    )
    page = open_done(service, open_page)
    expect(page.locator("#warnings li")).to_have_text(damage)
    expect(page.locator("#verdict-text")).to_have_text("All speech that could be read has words.")


def test_a_silent_recording_says_so(service: StubService, open_page: OpenPage) -> None:
    silent = clean(plant(()))
    service.planted = Planted((), {**silent.coverage, "speech_seconds": 0.0}, 60.0)
    page = open_done(service, open_page)
    expect(page.locator("#waiting")).to_have_text("No words were heard in this recording.")
    expect(page.locator("#verdict-text")).to_have_text("No speech was heard in this recording.")


def test_unsure_words_are_visited_one_after_another(
    service: StubService, open_page: OpenPage
) -> None:
    page = open_done(service, open_page)
    page.locator("#next-unsure").click()
    expect(page.locator(":focus")).to_have_text("washed")
    for word in ("quay", "cooperative:", "ice", "carried.", "washed"):
        page.locator("#next-unsure").press("Enter")  # the page may scroll under a mouse's click
        expect(page.locator(":focus")).to_have_text(word)
    expect(page.locator("#spoken-status")).to_contain_text("Unsure: 55 % confidence")


def test_search_runs_over_several_words(
    service: StubService, open_page: OpenPage, shoot: Shoot
) -> None:
    page = open_done(service, open_page)
    field = page.get_by_label("Search in the transcript")
    field.fill("THE  first")
    expect(page.locator("#search-count")).to_have_text("1 of 2")
    expect(page.locator(".is-hit-now")).to_have_text(["The", "first"])
    shoot(page, "search")
    field.press("Enter")
    expect(page.locator("#search-count")).to_have_text("2 of 2")
    field.press("Enter")
    field.press("Shift+Enter")
    expect(page.locator("#search-count")).to_have_text("2 of 2")
    field.fill("zeppelin")
    expect(page.locator("#search-count")).to_have_text("No match")
    expect(page.locator(".is-hit")).to_have_count(0)


def test_sound_comes_from_the_service_after_a_reload(
    service: StubService, open_page: OpenPage, planted: Planted
) -> None:
    page = open_done(service, open_page)
    word = next(w for w in planted.words if w["word"] == "cooperative:")
    page.locator(".word", has_text="cooperative").click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function(
        "(t) => Number(document.querySelector('#seek').value) > t", arg=word["start"]
    )
    assert (30.0, 60.0) in service.clips
    assert (60.0, planted.duration) in service.clips


def test_playing_goes_on_over_the_end_of_a_clip(service: StubService, open_page: OpenPage) -> None:
    page = open_done(service, open_page)
    page.locator("#seek").fill("29.5")
    page.locator("#play").click()
    page.wait_for_function("() => Number(document.querySelector('#seek').value) > 30.3")


def test_seeking_while_playing_asks_for_one_frame_at_a_time(
    service: StubService, open_page: OpenPage
) -> None:
    page = open_done(service, open_page)
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    for place in ("31", "2", "40", "5"):
        page.locator("#seek").fill(place)
        page.wait_for_function(
            "(t) => !document.querySelector('#audio').paused"
            " && Number(document.querySelector('#seek').value) > t",
            arg=float(place),
        )
    asked = page.evaluate(
        """() => new Promise((resolve) => {
          const ask = window.requestAnimationFrame.bind(window);
          let asked = 0;
          let frames = 0;
          window.requestAnimationFrame = (call) => { asked += 1; return ask(call); };
          const count = () => (frames += 1) < 20 ? ask(count) : resolve(asked / frames);
          ask(count);
        })"""
    )
    assert 0 < asked <= 1


def test_space_pauses_where_it_has_no_other_meaning(
    service: StubService, open_page: OpenPage
) -> None:
    page = open_done(service, open_page)
    play = page.locator("#play")
    page.locator(".segments .word").first.click()
    expect(play).to_have_attribute("aria-label", "Pause")
    page.keyboard.press("Space")
    expect(play).to_have_attribute("aria-label", "Play")
    page.locator("#search-text").press("Space")
    assert page.locator("#search-text").input_value() == " "
    expect(play).to_have_attribute("aria-label", "Play")


def test_a_file_that_the_browser_cannot_play_is_played_by_the_service(
    service: StubService, open_page: OpenPage, tmp_path: Path
) -> None:
    odd = tmp_path / "dictaphone.amr"
    odd.write_bytes(b"#!AMR\n" + bytes(500))
    service.hold_after = 2
    page = open_page(service.url)
    page.set_input_files("#files", odd)
    expect(page.locator("#sound-text")).to_have_text("This browser cannot play the file's format.")
    service.released.set()
    expect(page.locator("#coverage")).to_be_visible()
    expect(page.locator("#sound-note")).to_be_hidden()
    page.locator(".segments .word").nth(3).click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    assert service.clips


def test_a_file_of_this_device_replaces_sound_that_is_gone(
    service: StubService, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    service.keeps_sound = False
    page = open_done(service, open_page)
    page.locator(".word").nth(20).click()
    expect(page.locator("#sound-note")).to_contain_text("no longer keeps the sound")
    shoot(page, "no-sound")
    page.set_input_files("#attach", recording)
    expect(page.locator("#sound-note")).to_be_hidden()
    page.locator(".segments .word").nth(20).click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function("() => document.querySelector('.is-spoken') !== null")


def test_selecting_text_does_not_play(service: StubService, open_page: OpenPage) -> None:
    page = open_done(service, open_page)
    first, last = (page.locator(".segments .word").nth(n).bounding_box() for n in (1, 4))
    assert first
    assert last
    page.mouse.move(first["x"] + 1, first["y"] + 8)
    page.mouse.down()
    page.mouse.move(last["x"] + last["width"], last["y"] + 8, steps=5)
    page.mouse.up()
    assert len(page.evaluate("String(getSelection())")) > 5
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    assert position(page) == 0


def test_a_recording_that_is_gone_leads_back(service: StubService, open_page: OpenPage) -> None:
    page = open_page(service.url + "#/jobs/job_77")
    expect(page.locator(".notice")).to_contain_text("no longer on the service")
    expect(page.locator("#welcome")).to_be_visible()
