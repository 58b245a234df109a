"""From a file to its transcript: uploads, live text, reload, download, and what can go wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.planted import PROSE, Planted
from tests.browser.stub_service import StubService

OpenPage = Callable[..., Page]
Shoot = Callable[[Page, str], None]
Drop = Callable[..., None]


def wait_until_done(page: Page) -> None:
    expect(page.locator("#coverage")).to_be_visible()


def word_at(planted: Planted, seconds: float) -> str | None:
    """The word that must be marked at a time; it stays marked for a second when it has ended."""
    last = [word for word in planted.words if word["start"] <= seconds][-1]
    return last["word"] if seconds < last["end"] + 1 else None


def test_drop_watch_play_reload_download(
    service: StubService,
    open_page: OpenPage,
    recording: Path,
    drop: Drop,
    shoot: Shoot,
    planted: Planted,
) -> None:
    service.hold_after = 4
    page = open_page(service.url)
    shoot(page, "welcome")
    drop(page, recording)

    # Segments appear while the job still runs.
    expect(page.locator(".segment")).to_have_count(4)
    expect(page.locator("#working")).to_be_visible()
    expect(page.locator("#progress-text")).to_contain_text("8 of 24 windows")
    assert page.locator("#progress").evaluate("(bar) => bar.value") == 4 / 12
    expect(page.locator("#jobs .job")).to_contain_text("33 %")
    assert page.title() == "33 % · harbour-council.wav – Whisper Longform"
    shoot(page, "running")
    service.released.set()
    wait_until_done(page)
    expect(page.locator(".segment")).to_have_count(len(PROSE))
    expect(page.locator("#working")).to_be_hidden()

    # A click on a word plays from there, and the mark follows the sound.
    word = page.locator(".word", has_text="engineers")
    start = next(w["start"] for w in planted.words if w["word"] == "engineers")
    word.click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function(
        "(start) => document.querySelector('#audio').currentTime > start", arg=start
    )
    expect(page.locator(".word.is-spoken")).to_have_count(1)
    shoot(page, "playing")
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    now, spoken = page.evaluate(
        "[document.querySelector('#audio').currentTime,"
        " document.querySelector('.is-spoken')?.textContent]"
    )
    assert now > start
    assert spoken == word_at(planted, now)

    # Everything is still there after a reload.
    page.reload()
    wait_until_done(page)
    expect(page.locator(".segment")).to_have_count(len(PROSE))
    expect(page.locator("#recording-title")).to_have_text(recording.name)

    with page.expect_download() as download:
        page.locator("#download > summary").click()
        page.get_by_role("button", name="SubRip").click()
    assert download.value.suggested_filename == "harbour-council.srt"
    assert download.value.path().read_text() == planted.render("srt")


def test_every_format_can_be_downloaded(
    service: StubService, open_page: OpenPage, shoot: Shoot, planted: Planted
) -> None:
    service.add("talk.v2.mp3")
    page = open_page(service.url + "#/jobs/job_1")
    wait_until_done(page)
    page.locator("#download > summary").click()
    shoot(page, "download")
    names = []
    for button in page.locator("#formats button").all():
        page.locator("#download").evaluate("(menu) => { menu.open = true; }")
        with page.expect_download() as download:
            button.click()
        names.append(download.value.suggested_filename)
        assert download.value.path().stat().st_size > 100
    assert names == [f"talk.v2.{end}" for end in ("txt", "srt", "vtt", "tsv", "json", "words.json")]


def test_subtitles_as_people_want_them(
    service: StubService, open_page: OpenPage, shoot: Shoot
) -> None:
    """Options go with subtitles alone; what is out of range is said where it was written."""
    service.add("talk.mp3")
    page = open_page(service.url + "#/jobs/job_1")
    wait_until_done(page)
    menu = page.locator("#download")
    page.locator("#download > summary").click()
    page.get_by_text("Subtitle options").click()
    page.get_by_label("Line length").fill("0")
    page.get_by_role("button", name="Subtitles, SubRip").click()
    expect(menu).to_have_attribute("open", "")
    expect(page.get_by_label("Line length")).to_be_focused()
    page.get_by_label("Line length").fill("30")
    page.get_by_label("Letters a second").fill("15.5")
    shoot(page, "subtitle-options")
    chosen = {"max_line_length": "30", "reading_speed": "15.5"}
    for name, wanted, options in (
        ("Subtitles, SubRip", "srt", chosen),
        ("Plain text", "text", {}),
        ("Subtitles, WebVTT", "vtt", chosen),
    ):
        menu.evaluate("(menu) => { menu.open = true; }")
        with page.expect_download():
            page.get_by_role("button", name=name).click()
        assert service.renderings[-1] == {"response_format": wanted, **options}


def test_the_text_can_be_copied(
    service: StubService, open_page: OpenPage, planted: Planted
) -> None:
    service.add("talk.mp3")
    page = open_page(
        service.url + "#/jobs/job_1", permissions=["clipboard-read", "clipboard-write"]
    )
    page.get_by_role("button", name="Copy text").click()
    expect(page.locator(".notice")).to_have_text(re.compile("The text is on the clipboard."))
    assert page.evaluate("navigator.clipboard.readText()") == planted.render("text")


def test_live_text_is_not_drawn_again_at_the_end(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    service.hold_after = 2
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator(".segment")).to_have_count(2)
    page.evaluate("document.querySelector('.word').dataset.probe = 'first'")
    service.released.set()
    wait_until_done(page)
    expect(page.locator("[data-probe=first]")).to_have_count(1)


def test_options_reach_the_service(
    service: StubService, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    page = open_page(service.url)
    page.get_by_label("Language spoken").select_option("hi")
    page.get_by_text("More options").click()
    page.get_by_label("Names and terms").fill("Grafana, Kubernetes")
    page.get_by_label("Beams").fill("8")
    page.get_by_label("Overlap").fill("7.5")
    page.get_by_label("Channels and tracks").select_option("split")
    page.get_by_label("Decode silence too").check()
    shoot(page, "options")
    page.set_input_files("#files", recording)
    wait_until_done(page)
    sent = service.uploads[0]
    assert re.fullmatch(r"[0-9a-f]{32}", sent.pop("idempotency-key"))
    assert sent == {
        "model": "turbo",
        "language": "hi",
        "hotwords": "Grafana, Kubernetes",
        "beam_size": "8",
        "overlap": "7.5",
        "channels": "split",
        "vad": "false",
    }


def test_an_option_out_of_range_is_not_sent(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    page = open_page(service.url)
    page.get_by_text("More options").click()
    page.get_by_label("Beams").fill("99")
    page.get_by_text("More options").click()
    page.set_input_files("#files", recording)
    expect(page.get_by_label("Beams")).to_be_focused()
    assert service.uploads == []


def test_several_files_become_several_jobs(
    service: StubService, open_page: OpenPage, recording: Path, drop: Drop, shoot: Shoot
) -> None:
    service.hold_after = 1
    others = [recording.with_name(f"part {n}.wav") for n in (1, 2, 3)]
    for other in others:
        other.write_bytes(recording.read_bytes())
    page = open_page(service.url)
    drop(page, *others)
    expect(page.locator("#jobs .job")).to_have_count(3)
    expect(page.locator("#uploads li")).to_have_count(0)
    shoot(page, "several")
    service.released.set()
    for badge in page.locator("#jobs .badge").all():
        expect(badge).to_have_text("Done")


def test_an_empty_file_is_refused_before_it_is_sent(
    service: StubService, open_page: OpenPage, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.mp3"
    empty.touch()
    page = open_page(service.url)
    page.set_input_files("#files", empty)
    expect(page.locator(".notice")).to_contain_text("empty.mp3 is empty")
    assert service.uploads == []


def test_a_refused_upload_says_why_and_joins_its_retry(
    service: StubService, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    service.is_full = True
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator(".upload")).to_contain_text("The queue is full. Trying again in 1 min.")
    shoot(page, "refused")
    service.is_full = False
    page.get_by_role("button", name="Try again").click()
    wait_until_done(page)
    expect(page.locator("#uploads li")).to_have_count(0)


def test_an_upload_waits_until_there_is_room(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    service.is_full = True
    service.retry_after = 1
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator(".upload")).to_contain_text("Trying again in 1\u00a0s")
    service.is_full = False
    wait_until_done(page)
    assert len(service.uploads) == 1


def test_what_will_never_be_taken_is_not_offered_again(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    service.refuses_with = "This is not a recording."
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator(".upload")).to_contain_text("This is not a recording.")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    page.get_by_role("button", name=f"Remove {recording.name}").click()
    expect(page.locator("#uploads li")).to_have_count(0)


def test_a_failed_job_says_why(
    service: StubService, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    service.fail_with = {"message": "The file holds no sound track.", "code": "no_audio_track"}
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator("#failure")).to_contain_text("The file holds no sound track.")
    expect(page.locator("#failure")).to_contain_text("no_audio_track")
    expect(page.locator("#player")).to_be_hidden()
    expect(page.locator("#reading")).to_be_hidden()
    shoot(page, "failed")


def test_a_broken_stream_is_taken_up_where_it_broke(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    service.breaks_streams_after = 4
    service.hold_after = 10
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator(".segment")).to_have_count(10)
    service.released.set()
    wait_until_done(page)
    expect(page.locator(".segment")).to_have_count(len(PROSE))
    assert service.resumed_after == [0, 4, 8, 12]


def test_a_stream_that_went_silent_is_opened_again(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    """A connection can die without a word; heartbeats are missed long before anybody would wait."""
    service.hold_after = 2
    page = open_page(service.url)
    page.clock.install()
    page.set_input_files("#files", recording)
    expect(page.locator(".segment")).to_have_count(2)
    with page.expect_request("**/events") as request:
        page.clock.run_for(62_000)
    assert request.value.headers["last-event-id"] == "2"
    page.clock.resume()
    service.released.set()
    wait_until_done(page)
    expect(page.locator(".segment")).to_have_count(len(PROSE))


def test_a_lost_service_is_said_and_taken_up_again(
    service: StubService, open_page: OpenPage, recording: Path, shoot: Shoot
) -> None:
    service.hold_after = 4
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator(".segment")).to_have_count(4)
    page.route("**/v1/**", lambda route: route.abort())
    expect(page.locator("#lost")).to_be_visible()
    shoot(page, "lost")
    service.released.set()
    expect(page.locator("#working")).to_be_visible()
    page.unroute("**/v1/**")
    wait_until_done(page)
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator(".segment")).to_have_count(len(PROSE))
    expect(page.locator(".notice")).to_have_count(0)


def test_a_page_opened_while_the_service_is_away_fills_when_it_returns(
    service: StubService, open_page: OpenPage
) -> None:
    service.add("talk.mp3")
    page = open_page(service.url + "#/jobs/job_1")
    wait_until_done(page)
    page.route("**/v1/**", lambda route: route.abort())
    page.reload()
    expect(page.locator("#lost")).to_be_visible()
    page.unroute("**/v1/**")
    wait_until_done(page)
    expect(page.locator("#model-name")).to_be_visible()
    expect(page.locator("#jobs .job")).to_have_count(1)


def test_a_reload_in_the_middle_shows_all_segments_so_far(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    service.hold_after = 3
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator(".segment")).to_have_count(3)
    page.reload()
    expect(page.locator(".segment")).to_have_count(3)
    service.released.set()
    wait_until_done(page)


def test_cancel_stops_a_running_job(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    service.hold_after = 2
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#failure-title")).to_have_text("Cancelled")
    expect(page.locator("#recording-title")).to_be_focused()
    assert service.jobs["job_1"].document["status"] == "cancelled"


def test_delete_asks_first(service: StubService, open_page: OpenPage, shoot: Shoot) -> None:
    service.add("old meeting.mp3")
    page = open_page(service.url + "#/jobs/job_1")
    delete = page.locator("#delete")
    delete.click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    shoot(page, "delete")
    page.keyboard.press("Escape")
    expect(delete).to_be_focused()
    assert "job_1" in service.jobs
    delete.click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator("#jobs .job")).to_have_count(0)
    assert service.jobs == {}


def test_a_job_deleted_elsewhere_leaves_the_page(
    service: StubService, open_page: OpenPage, recording: Path
) -> None:
    service.hold_after = 2
    page = open_page(service.url)
    page.set_input_files("#files", recording)
    expect(page.locator(".segment")).to_have_count(2)
    service.breaks_streams_after = 1
    del service.jobs["job_1"]
    service.released.set()
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator("#jobs .job")).to_have_count(0)


def test_an_older_recording_is_listed_where_its_age_belongs(
    service: StubService, open_page: OpenPage
) -> None:
    service.add("old.mp3").document["created_at"] -= 100_000
    for number in range(31):
        service.add(f"recording {number}.mp3")
    page = open_page(service.url + "#/jobs/job_1")
    wait_until_done(page)
    expect(page.locator("#jobs .job-name").last).to_have_text("old.mp3")


def test_older_recordings_are_fetched_on_demand(service: StubService, open_page: OpenPage) -> None:
    for number in range(70):
        service.add(f"recording {number}.mp3")
    page = open_page(service.url)
    expect(page.locator("#jobs .job")).to_have_count(30)
    page.get_by_role("button", name="Show older").click()
    expect(page.locator("#jobs .job")).to_have_count(60)
    page.get_by_role("button", name="Show older").click()
    expect(page.locator("#jobs .job")).to_have_count(70)
    expect(page.get_by_role("button", name="Show older")).to_be_hidden()
