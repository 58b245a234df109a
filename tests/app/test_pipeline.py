"""The service with the real pipeline: ffmpeg, speech detection, windows, merge; planted engine."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator

import numpy as np
import openai
import pytest

from tests.app.calls import events_of
from tests.app.conftest import Running, Shared
from tests.app.planted import PlantedDecoder, wav
from tests.transcription.kinds import ffmpeg

pytestmark = pytest.mark.slow  # speech detection loads torch
MODEL = {"model": "whisper-1"}


@pytest.fixture(scope="module")
def running(keeper: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    from app.settings import Settings
    from transcription.pipeline import transcribe

    keeper.close()
    folder = tmp_path_factory.mktemp("real")
    settings = Settings(port=0, data_dir=folder, min_free_bytes=0, max_audio_seconds=300)
    with Running(settings, PlantedDecoder(), transcribe) as running:
        yield running


def silence(seconds: float) -> bytes:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.zeros(round(seconds * 16_000), "<i2").tobytes())
    return sound.getvalue()


def test_silence_is_an_empty_transcript(running: Running):
    answer = running.openai().audio.transcriptions.create(
        file=("quiet.wav", silence(45)), model="planted", response_format="verbose_json"
    )
    assert (answer.text, answer.duration, answer.segments) == ("", 45.0, [])


def test_every_window_without_speech_detection(running: Running):
    answer = running.openai().audio.transcriptions.create(
        file=("noise.wav", wav(70)), model="planted", extra_body={"vad": False}
    )
    assert len(answer.text.split()) >= 8


@pytest.mark.parametrize(
    ("sound", "code"),
    [
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n", "unsupported_media"),
        (b"<!DOCTYPE html><html></html>", "unsupported_media"),
        (silence(301), "audio_too_long"),
    ],
)
def test_refusals_of_the_decoder_reach_the_client(running: Running, sound: bytes, code: str):
    client = running.openai()
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(file=("a.mp3", sound), model="planted")
    assert (caught.value.code, caught.value.param) == (code, "file")
    assert "/" not in caught.value.message.replace("and/or", "")


def test_a_clip_of_a_job(running: Running):
    with running.client() as client:
        job = client.put("/v1/jobs", content=wav(40), params={"vad": "false"}).json()
        assert running.wait(job["id"])["status"] == "completed"
        clip = client.get(f"/v1/jobs/{job['id']}/clip", params={"start": 1, "end": 2})
        assert len(clip.content) == 32_044
        quiet = client.put("/v1/jobs", content=silence(5)).json()
        running.wait(quiet["id"])
        clip = client.get(f"/v1/jobs/{quiet['id']}/clip", params={"start": 1, "end": 2})
        assert clip.status_code == 200


def test_split_channels(running: Running):
    with running.client() as client:
        params = {"channels": "split", "vad": "false"}
        job = client.put("/v1/jobs", content=wav(20, channels=2), params=params).json()
        done = running.wait(job["id"])
        assert done["status"] == "completed"
        form = {"response_format": "diarized_json"}
        segments = client.get(f"/v1/jobs/{job['id']}/transcript", params=form).json()["segments"]
        assert {segment["speaker"] for segment in segments} == {"A", "B"}
        with client.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
            live = [
                s for _, kind, c in events_of(stream) if kind == "segments" for s in c["segments"]
            ]
        assert {segment["channel"] for segment in live} == {0, 1}
        assert [segment["id"] for segment in live] == list(range(len(segments)))
        path = f"/v1/jobs/{job['id']}/clip?start=0&end=1"
        one, other, both = (
            np.frombuffer(client.get(path + channel).content[44:], np.int16).astype(int)
            for channel in ("&channel=0", "&channel=1", "")
        )
        assert len(both) == 16_000
        assert (one != other).any()
        assert np.array_equal(both, np.clip(one + other, -32768, 32767))


@pytest.fixture
def game(tmp_path) -> bytes:
    """A film with two audio tracks, of 12 and of 20 seconds."""
    names = [tmp_path / f"{seconds}.wav" for seconds in (12, 20)]
    for name, seconds in zip(names, (12, 20), strict=True):
        name.write_bytes(wav(seconds))
    film = tmp_path / "game.mkv"
    maps = ("-map", "0:a", "-map", "1:a", "-c:a", "pcm_s16le")
    ffmpeg("-i", names[0], "-i", names[1], *maps, film)
    return film.read_bytes()


@pytest.mark.parametrize(("number", "seconds"), [(1, 12), (2, 20)])
def test_the_audio_track_that_is_heard_is_chosen(running: Running, game, number, seconds):
    with running.client() as client:
        form = {**MODEL, "audio_track": number, "vad": "false", "response_format": "verbose_json"}
        files = {"file": ("game.mkv", game)}
        heard = client.post("/v1/audio/transcriptions", files=files, data=form).json()
        assert heard["duration"] == pytest.approx(seconds)
        params = {"audio_track": number, "vad": "false"}
        job = client.put("/v1/jobs", content=game, params=params).json()
        assert running.wait(job["id"])["status"] == "completed"
        path = f"/v1/jobs/{job['id']}/transcript"
        stored = client.get(path, params={"response_format": "verbose_json"}).json()
        assert stored["duration"] == pytest.approx(seconds)


def test_the_tracks_of_a_file_are_its_speakers(running: Running, game):
    with running.client() as client:
        form = {**MODEL, "channels": "tracks", "vad": "false"}
        form["response_format"] = "diarized_json"
        files = {"file": ("game.mkv", game)}
        heard = client.post("/v1/audio/transcriptions", files=files, data=form).json()
        assert {segment["speaker"] for segment in heard["segments"]} == {"A", "B"}


@pytest.mark.parametrize(
    "form",
    [
        {"audio_track": "0"},
        {"audio_track": "3"},
        {"audio_track": "x"},
        {"audio_track": "1", "channels": "tracks"},
    ],
)
def test_a_track_that_cannot_be_heard_is_the_callers_mistake(running: Running, game, form):
    with running.client() as client:
        files = {"file": ("game.mkv", game)}
        answer = client.post("/v1/audio/transcriptions", files=files, data={**MODEL, **form})
        assert answer.status_code == 400
        assert "track" in answer.json()["error"]["message"]
