"""Batches with the official client, unmodified: files up, requests worked off, answers down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import pytest

from app.batches.running import finish_batches, sweep_files
from app.http.api_keys import new_key
from tests.app.calls import until
from tests.app.conftest import Start
from tests.app.loopback import Exchange, LoopbackServer
from tests.app.planted import PlantedDecoder, text_of, wav
from transcription.sound_download import MOST_REDIRECTS

ENDPOINT = "/v1/audio/transcriptions"
SOUND = wav(40, seed=3)
LONG = wav(400, seed=5)


class AudioServer(LoopbackServer):
    """A loopback server with sounds, redirects and faults."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__()

    def respond(self, exchange: Exchange) -> None:
        self.asked.append(exchange.path)
        kind, _, rest = exchange.path[1:].partition("/")
        if kind == "busy" and self.asked.count(exchange.path) == 1:
            exchange.answer(503)
        elif kind == "to":
            exchange.answer(302, Location=rest)
        elif kind == "missing":
            exchange.answer(404)
        else:
            exchange.answer(200, SOUND)


@pytest.fixture
def audio() -> Iterator[AudioServer]:
    server = AudioServer()
    yield server
    server.close()


def requests(bodies: dict[str, dict[str, Any]]) -> bytes:
    lines = [
        {
            "custom_id": name,
            "method": "POST",
            "url": ENDPOINT,
            "body": {"model": "whisper-1", **body},
        }
        for name, body in bodies.items()
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def begin(client: openai.OpenAI, content: bytes, **more: Any) -> openai.types.Batch:
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id,
        endpoint=ENDPOINT,  # type: ignore[arg-type]  # the client's types know no audio
        completion_window="24h",
        **more,
    )


def ended(client: openai.OpenAI, batch: openai.types.Batch) -> openai.types.Batch:
    under_way = {"in_progress", "cancelling"}
    until(lambda: client.batches.retrieve(batch.id).status not in under_way, "the batch has ended")
    return client.batches.retrieve(batch.id)


def lines_of(client: openai.OpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    """The lines of a result, by their names."""
    assert file_id is not None
    lines = map(json.loads, client.files.content(file_id).text.splitlines())
    return {line["custom_id"]: line for line in lines}


def test_a_batch_from_file_to_file(start: Start, audio: AudioServer):
    client = start(audio_urls=True, audio_hosts=audio.host).openai()
    sound = client.files.create(file=("talk.wav", SOUND), purpose="user_data")
    words = {"response_format": "verbose_json", "timestamp_granularities": ["word"]}
    content = requests(
        {
            "by-url": {"url": f"{audio.url}/talk.wav"},
            "by-file": {"file_id": sound.id, "response_format": "srt"},
            "by-way": {"url": f"{audio.url}/to/{audio.url}/talk.wav", **words},
            "busy": {"url": f"{audio.url}/busy/talk.wav"},
            "missing": {"url": f"{audio.url}/missing/talk.wav"},
            "klingon": {"url": f"{audio.url}/talk.wav", "language": "klingon"},
            "no-model": {"url": f"{audio.url}/talk.wav", "model": "gpt-5"},
            "no-file": {"file_id": "file-none"},
        }
    )
    batch = begin(client, content, metadata={"shelf": "7"})
    assert (batch.object, batch.status, batch.endpoint) == ("batch", "in_progress", ENDPOINT)
    assert batch.metadata == {"shelf": "7"}
    done = ended(client, batch)
    assert done.status == "completed"
    counts = done.request_counts
    assert counts is not None
    assert (counts.total, counts.completed, counts.failed) == (8, 4, 4)

    answers = lines_of(client, done.output_file_id)
    assert list(answers) == ["by-url", "by-file", "by-way", "busy"]
    assert all(line["response"]["status_code"] == 200 for line in answers.values())
    assert all(line["error"] is None for line in answers.values())
    assert answers["by-url"]["response"]["body"]["text"] == text_of(SOUND)
    assert answers["by-file"]["response"]["body"].startswith("1\n00:00:00,")
    assert answers["by-way"]["response"]["body"]["words"]

    errors = lines_of(client, done.error_file_id)
    told = {
        name: (line["response"]["status_code"], line["response"]["body"]["error"]["code"])
        for name, line in errors.items()
    }
    assert told == {
        "missing": (400, "audio_not_found"),
        "klingon": (400, "invalid_value"),
        "no-model": (400, "model_not_found"),
        "no-file": (400, "file_not_found"),
    }
    assert [one.id for one in client.batches.list(limit=1)] == [batch.id]
    assert [one.purpose for one in client.files.list(purpose="batch_output")] == [
        "batch_output"
    ] * 2


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a.wav",
        "https://127.0.0.1/a.wav",
        "https://[::1]/a.wav",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/a.wav",
        "file:///etc/passwd",
        "https://user:word@example.org/a.wav",
    ],
)
def test_inward_addresses_are_refused(start: Start, url: str):
    client = start(audio_urls=True).openai()
    done = ended(client, begin(client, requests({"one": {"url": url}})))
    error = lines_of(client, done.error_file_id)["one"]["response"]["body"]["error"]
    assert error["code"] == "audio_unavailable"


def test_a_redirect_inward_is_refused(start: Start, audio: AudioServer):
    """What the first address may, the second may not."""
    client = start(audio_urls=True, audio_hosts=audio.host).openai()
    inward = {"url": f"{audio.url}/to/http://127.0.0.1:1/a.wav"}
    endless = {"url": f"{audio.url}/to/" * (MOST_REDIRECTS + 1)}
    done = ended(client, begin(client, requests({"inward": inward, "endless": endless})))
    lines = lines_of(client, done.error_file_id)
    messages = {n: line["response"]["body"]["error"]["message"] for n, line in lines.items()}
    assert "must begin with https" in messages["inward"]
    assert "redirects too often" in messages["endless"]


def test_fetching_is_off_by_default(start: Start, audio: AudioServer):
    client = start(audio_hosts=audio.host).openai()
    done = ended(client, begin(client, requests({"one": {"url": f"{audio.url}/a.wav"}})))
    error = lines_of(client, done.error_file_id)["one"]["response"]["body"]["error"]
    assert "turned off" in error["message"]
    assert audio.asked == []


def test_a_sound_that_is_too_large_is_not_kept(start: Start, audio: AudioServer):
    client = start(audio_urls=True, audio_hosts=audio.host, max_upload_bytes=100_000).openai()
    done = ended(client, begin(client, requests({"one": {"url": f"{audio.url}/a.wav"}})))
    error = lines_of(client, done.error_file_id)["one"]["response"]["body"]["error"]
    assert error["code"] == "audio_too_long"


def test_a_file_that_is_no_list_of_requests_makes_a_failed_batch(start: Start):
    running = start()
    client = running.openai()
    batch = begin(client, b'{"custom_id": 7}\nnonsense')
    assert batch.status == "failed"
    assert batch.errors is not None
    assert [(one.line, one.code) for one in batch.errors.data or ()] == [
        (1, "invalid_custom_id"),
        (2, "invalid_json_line"),
    ]
    with pytest.raises(openai.NotFoundError):
        client.batches.create(
            input_file_id="file-none",
            endpoint=ENDPOINT,  # type: ignore[arg-type]  # the client's types know no audio
            completion_window="24h",
        )
    with pytest.raises(openai.BadRequestError, match="endpoint must be"):
        client.batches.create(
            input_file_id="file-none", endpoint="/v1/embeddings", completion_window="24h"
        )


def test_a_cancelled_batch_keeps_what_is_done(start: Start):
    decoder = PlantedDecoder(free_windows=2)
    client = start(decoder, running_jobs=1).openai()
    first = client.files.create(file=("a.wav", SOUND), purpose="user_data")
    second = client.files.create(file=("b.wav", LONG), purpose="user_data")
    content = requests({"short": {"file_id": first.id}, "long": {"file_id": second.id}})
    batch = begin(client, content)

    def completed() -> int:
        counts = client.batches.retrieve(batch.id).request_counts
        return counts.completed if counts else 0

    until(lambda: completed() == 1, "the short one is done")
    assert client.batches.cancel(batch.id).status in {"cancelling", "cancelled"}
    decoder.released.set()
    done = ended(client, batch)
    assert done.status == "cancelled"
    assert done.cancelled_at is not None
    assert list(lines_of(client, done.output_file_id)) == ["short"]
    assert lines_of(client, done.error_file_id)["long"]["error"]["code"] == "batch_cancelled"


def test_a_batch_survives_a_restart(start: Start):
    with ExitStack() as stack:
        running = start(PlantedDecoder(free_windows=3), until=stack)
        client = running.openai()
        sound = client.files.create(file=("a.wav", LONG), purpose="user_data")
        batch = begin(client, requests({str(n): {"file_id": sound.id} for n in range(3)}))
        until(lambda: running.decoder.statistics().windows_decoded == 3, "some windows are decoded")
    client = start().openai()
    done = ended(client, batch)
    assert done.status == "completed"
    answers = lines_of(client, done.output_file_id)
    assert [line["response"]["body"]["text"] for line in answers.values()] == [text_of(LONG)] * 3


def test_results_that_a_crash_left_half_written_are_written_again(start: Start):
    running = start()
    client = running.openai()
    sound = client.files.create(file=("a.wav", SOUND), purpose="user_data")
    batch = begin(client, requests({"one": {"file_id": sound.id}}))
    done = ended(client, batch)
    service = running.service
    with service.files._engine.begin() as connection:  # as if it had not come so far
        connection.exec_driver_sql("UPDATE longform_batches SET status = 'in_progress'")
    assert done.output_file_id is not None
    service.folders.file(done.output_file_id).write_bytes(b"{")
    finish_batches(service)
    assert list(lines_of(client, ended(client, batch).output_file_id)) == ["one"]


def test_another_keys_files_and_batches_are_none(start: Start, tmp_path: Path):
    keys = [new_key(name) for name in ("ann", "bob")]
    listed = tmp_path / "keys"
    listed.write_text("".join(f"{line}\n" for _, line in keys))
    running = start(api_keys_file=listed)
    ann, bob = (running.openai(api_key=secret) for secret, _ in keys)
    sound = ann.files.create(file=("a.wav", SOUND), purpose="user_data")
    batch = begin(ann, requests({"one": {"file_id": sound.id}}))
    done = ended(ann, batch)
    for ask in (
        lambda: bob.files.retrieve(sound.id),
        lambda: bob.files.content(done.output_file_id or ""),
        lambda: bob.files.delete(sound.id),
        lambda: bob.batches.retrieve(batch.id),
        lambda: bob.batches.cancel(batch.id),
        lambda: begin(bob, b"").id and bob.batches.retrieve(batch.id),
    ):
        with pytest.raises(openai.NotFoundError):
            ask()
    assert list(bob.batches.list()) != list(ann.batches.list())
    theirs = ended(bob, begin(bob, requests({"one": {"file_id": sound.id}})))
    error = lines_of(bob, theirs.error_file_id)["one"]["response"]["body"]["error"]
    assert error["code"] == "file_not_found"
    assert ann.files.retrieve(sound.id).bytes == len(SOUND)


def test_files_are_listed_read_and_deleted(start: Start):
    running = start(files_per_key=3)
    client = running.openai()
    made = [client.files.create(file=(f"{n}.wav", SOUND), purpose="user_data") for n in range(3)]
    assert [one.id for one in client.files.list(order="asc")] == [one.id for one in made]
    assert [one.id for one in client.files.list(limit=2)] == [one.id for one in reversed(made)]
    assert client.files.content(made[0].id).content == SOUND
    assert client.files.retrieve(made[0].id).filename == "0.wav"
    with pytest.raises(openai.RateLimitError):
        client.files.create(file=("3.wav", SOUND), purpose="user_data")
    assert client.files.delete(made[0].id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(made[0].id)
    assert len(list(running.service.folders.files.iterdir())) == 2
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("3.wav", SOUND), purpose="vision")


def test_files_expire(start: Start):
    running = start(sweep_seconds=1000)
    client = running.openai()
    with pytest.raises(openai.BadRequestError, match="expires_after"):
        client.files.create(
            file=("a.wav", SOUND),
            purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": 60},
        )
    file = client.files.create(
        file=("a.wav", SOUND),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (file.expires_at or 0) - file.created_at in (3599, 3600)
    service = running.service
    sweep_files(service)
    assert client.files.retrieve(file.id).id == file.id
    with service.files._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE longform_files SET expires = 0")
    sweep_files(service)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert list(service.folders.files.iterdir()) == []
