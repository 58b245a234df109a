"""Jobs over HTTP: their life, their events, their results, and who may see them."""

from __future__ import annotations

import io
import re
import wave
from pathlib import Path

import pytest

from tests.app.calls import SOUND, events_of, submit
from tests.app.conftest import Running, Start
from tests.app.planted import PlantedDecoder, text_of, wav
from transcription.render import FORMATS


def test_a_job_from_submission_to_deletion(shared: Running, tmp_path: Path):
    with shared.client() as client:
        answer = submit(client)
        assert answer.status_code == 202
        job = answer.json()
        assert (job["object"], job["status"], job["filename"]) == ("job", "queued", "talk.wav")
        assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
        done = shared.wait(job["id"])
        assert done["status"] == "completed"
        assert done["error"] is None
        assert done["progress"] == {
            "windows_done": 3,
            "windows_planned": 3,
            "seconds_done": 70.0,
            "seconds_total": 70.0,
            "eta_seconds": 0.0,
        }
        path = f"/v1/jobs/{job['id']}"
        assert client.get(f"{path}/transcript").json()["text"] == text_of(SOUND)
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404
        assert not shared.service.folders.of(job["id"]).path.exists()


@pytest.mark.parametrize("form", FORMATS)
def test_a_transcript_in_every_format(shared: Running, form: str):
    is_split = FORMATS[form].has_speakers
    with shared.client() as client:
        job = (
            submit(client, wav(5, channels=2), data={"channels": "split"}).json()
            if is_split
            else submit(client).json()
        )
        shared.wait(job["id"])
        path = f"/v1/jobs/{job['id']}/transcript"
        answer = client.get(path, params={"response_format": form})
        assert answer.headers["content-type"] == FORMATS[form].media_type
        assert client.get(path).json()["text"].split()[0] in answer.text
        assert f'.{FORMATS[form].suffix}"' in answer.headers["content-disposition"]
        assert answer.headers["content-disposition"].startswith('attachment; filename="talk.')
        assert answer.headers["cache-control"] == "no-store"


def test_diarized_json_needs_channels(shared: Running):
    with shared.client() as client:
        job = submit(client).json()
        shared.wait(job["id"])
        params = {"response_format": "diarized_json"}
        answer = client.get(f"/v1/jobs/{job['id']}/transcript", params=params)
        assert answer.json()["error"]["code"] == "unsupported_option"
        sentence = answer.json()["error"]["message"]
        asked = client.post(
            "/v1/audio/transcriptions",
            files={"file": ("talk.wav", SOUND)},
            data={"model": "planted", **params},
        )
        assert asked.json()["error"]["message"] == sentence  # one check for forms and for jobs
        split = submit(client, wav(5, channels=2), data={"channels": "split"}).json()
        shared.wait(split["id"])
        answer = client.get(f"/v1/jobs/{split['id']}/transcript", params=params)
        assert [s["speaker"] for s in answer.json()["segments"]] == ["A", "B"]


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_fit_the_screen_that_is_asked_for(shared: Running, form: str):
    narrow = {"response_format": form, "max_line_length": 7, "max_lines": 1, "max_cue": 3}
    with shared.client() as client:
        job = submit(client).json()
        shared.wait(job["id"])
        path = f"/v1/jobs/{job['id']}/transcript"
        usual = client.get(path, params={"response_format": form}).text
        cues = client.get(path, params=narrow).text
        direct = client.post(
            "/v1/audio/transcriptions",
            data={"model": "planted", **narrow},
            files={"file": ("a.wav", SOUND)},
        ).text
    assert direct == cues
    words = re.findall(r"w[0-9a-f]{4}", cues)
    assert words == re.findall(r"w[0-9a-f]{4}", usual)
    assert cues.count("-->") == len(words) > usual.count("-->")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_line_length", "0"),
        ("max_lines", "two"),
        ("max_cue", "0.1"),
        ("reading_speed", "nan"),
        ("reading_speed", "inf"),
    ],
)
def test_subtitles_that_nobody_could_read(shared: Running, field: str, value: str):
    with shared.client() as client:
        job = submit(client).json()
        shared.wait(job["id"])
        path = f"/v1/jobs/{job['id']}/transcript"
        answer = client.get(path, params={"response_format": "srt", field: value})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
        answer = client.get(path, params={"response_format": "json", field: "20"})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


def test_a_clip_is_the_sound_of_the_recording(shared: Running):
    with shared.client() as client:
        job = submit(client).json()
        shared.wait(job["id"])
        path = f"/v1/jobs/{job['id']}/clip"
        sound = client.get(path, params={"start": 1.5, "end": 2.0})
        assert sound.headers["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(sound.content)) as cut, wave.open(io.BytesIO(SOUND)) as whole:
            whole.setpos(24_000)
            assert cut.readframes(8_000) == whole.readframes(8_000)
        for wrong in (
            {"start": 2, "end": 1},
            {"start": 100, "end": 101},
            {"start": "nan", "end": 1},
        ):
            assert client.get(path, params=wrong).status_code == 400
        assert client.get(path, params={"start": 0}).json()["error"]["param"] == "end"


def test_raw_upload_with_options_in_the_query(shared: Running):
    with shared.client() as client:
        answer = client.put(
            "/v1/jobs", content=SOUND, params={"language": "de", "filename": "../../etc/x.wav"}
        )
        assert answer.json()["filename"] == "x.wav"
        assert shared.wait(answer.json()["id"])["language"] == "de"
        assert client.put("/v1/jobs", content=SOUND, params={"beam_size": 0}).status_code == 400


@pytest.mark.parametrize("task", ["lang_id", "voice_activity"])
def test_what_the_engine_does_for_the_pipeline_alone_is_not_offered(shared: Running, task: str):
    with shared.client() as client:
        for answer in (
            client.post("/v1/jobs", params={"task": task}, files={"file": ("a.wav", SOUND)}),
            client.put("/v1/jobs", params={"task": task}, content=SOUND),
        ):
            error = answer.json()["error"]
            assert (answer.status_code, error["param"]) == (400, "task")
        assert task not in client.get("/openapi.json").text


def test_bad_audio_fails_the_job_with_its_code(shared: Running):
    with shared.client() as client:
        job = submit(client, b"this is not sound").json()
        done = shared.wait(job["id"])
        assert (done["status"], done["error"]["code"]) == ("failed", "unsupported_media")
        answer = client.get(f"/v1/jobs/{job['id']}/transcript")
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "unsupported_media"


def test_idempotency_key(shared: Running):
    headers = {"Idempotency-Key": "once"}
    with shared.client() as client:
        first = submit(client, headers=headers).json()
        second = submit(client, headers=headers)
        assert (second.status_code, second.json()["id"]) == (202, first["id"])
        other = submit(client, headers=headers, data={"language": "de"})
        assert other.status_code == 422
        assert other.json()["error"]["code"] == "idempotency_key_reused"
        assert set(shared.service.folders.names()) >= {first["id"]}
        assert len([n for n in shared.service.folders.names() if n == second.json()["id"]]) == 1


def test_events_resume_behind_the_last_one_heard(shared: Running):
    with shared.client() as client:
        job = submit(client).json()
        shared.wait(job["id"])
        path = f"/v1/jobs/{job['id']}/events"
        with client.stream("GET", path, headers={"Last-Event-ID": "2"}) as stream:
            events = list(events_of(stream))
        ids = [
            s["id"]
            for _, kind, content in events
            if kind == "segments"
            for s in content["segments"]
        ]
        assert ids == [2]
        assert client.get(path, headers={"Last-Event-ID": "end"}).status_code == 204
        assert client.get(path, headers={"Last-Event-ID": "garbage"}).status_code == 200


def test_a_job_goes_on_although_nobody_saw_its_engine_away(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    """The engine died and came back between two looks, and the job came just then."""
    monkeypatch.setattr("app.service.TEND_SECONDS", 3600.0)  # looks are taken here
    engine = PlantedDecoder()
    running = start(engine)
    running.service.jobs.tend()
    engine.is_alive = False
    with running.client() as client:
        job = submit(client).json()["id"]
    engine.is_alive = True
    running.service.jobs.tend()
    assert running.wait(job)["status"] == "completed"
