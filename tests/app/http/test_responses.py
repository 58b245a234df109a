"""Answers that wait: signs of life, retries that join, clients that go."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from app.http.api_keys import new_key
from decoding.types import Clip, Decoded, DecodingOptions
from tests.app.calls import until
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, PlantedDecoder, engine_failure, text_of, wav
from transcription.pipeline import transcribe

HASTY = {"x-stainless-read-timeout": "0.3"}  # what the client claims; it waits longer here


class Watched(httpx.HTTPTransport):
    """Counts the requests of a client, and calls `answered` at the head of every answer."""

    def __init__(self, answered: Callable[[], None]) -> None:
        super().__init__()
        self.requests = 0
        self._answered = answered

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        response = super().handle_request(request)
        self._answered()
        return response


class Impatient(httpx.HTTPTransport):
    """Gives up on the first request when the service has taken it; `again` runs before others."""

    def __init__(self, taken: Callable[[], bool], again: Callable[[], None]) -> None:
        super().__init__()
        self.requests = 0
        self._taken = taken
        self._again = again

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.requests > 1:
            self._again()
            return super().handle_request(request)
        while True:
            request.extensions["timeout"] |= {"read": 0.2}
            try:
                super().handle_request(request)
            except httpx.ReadTimeout:
                if self._taken():
                    raise


def http_client(running: Running, transport: httpx.HTTPTransport) -> httpx.Client:
    """For an official client; closed with the service."""
    client = httpx.Client(transport=transport, timeout=GIVE_UP_SECONDS)
    running.closing(client)
    return client


def subscribers(running: Running) -> list[int]:
    """How many clients wait for each job that has a folder."""
    notifications = running.service.jobs.notifications
    return [notifications.subscribers(name) for name in running.service.folders.names()]


def read_until(lines: Iterable[str], wanted: str, times: int) -> None:
    """Read lines until this one came so many times."""
    for line in lines:
        times -= line == wanted
        if not times:
            return
    pytest.fail(f"the answer ended before {wanted!r} came often enough")


def create(running: Running, **options: Any) -> Any:
    options = {"model": "planted", "file": ("a.wav", wav(40, seed=5)), **options}
    return running.openai().audio.transcriptions.create(**options)


def test_every_option_reaches_the_engine(start: Start):
    decoder = PlantedDecoder()
    running = start(decoder)
    create(
        running,
        language="hi",
        prompt="Glossary",
        temperature=0.4,
        chunking_strategy={"type": "server_vad", "threshold": 0.4, "silence_duration_ms": 300},
        extra_body={
            "beam_size": 3,
            "patience": 1.5,
            "ranking": "likelihood",
            "hotwords": "Asha",
            "keywords": ["Ravi"],
        },
    )
    options = decoder.options[0]
    assert (options.language, options.prompt, options.beam_size) == ("hi", "Glossary", 3)
    assert options.temperatures == (0.4, 0.6, 0.8, 1.0)
    assert options.hotwords == "Asha, Ravi"
    assert (options.patience, options.ranking) == (1.5, "likelihood")


def test_stream_sends_deltas_before_the_end(start: Start):
    """The engine keeps the second half back until the client has heard of the first."""
    decoder = PlantedDecoder(slots=1, free_windows=10)
    running = start(decoder, lone_job_steps=1)
    kinds = []
    for event in create(running, file=("long.wav", wav(30 * 20, seed=3)), stream=True):
        if not kinds:
            assert decoder.decoded <= 10
        kinds.append(event.type)
        decoder.released.set()
    assert kinds[0] == "transcript.text.delta"
    assert kinds[-1] == "transcript.text.done"
    assert decoder.decoded == 20


class Sentences(PlantedDecoder):
    """Every word is one."""

    def _decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        decoded = super()._decode(clip, options)
        words = tuple(replace(word, text=f"{word.text}.") for word in decoded.words)
        return replace(decoded, words=words, text="".join(word.text for word in words))


def test_a_stream_begins_with_the_first_window(start: Start):
    """The engine hears nothing else until the client has its words."""
    decoder = Sentences(slots=8, free_windows=1)
    decoder.words_per_window = 60  # at the pace of speech
    running = start(decoder, transcribe)
    sound, extra = ("long.wav", wav(30 * 20, seed=3)), {"vad": "false"}
    decoded, kinds = [], []
    for event in create(running, file=sound, stream=True, language="en", extra_body=extra):
        decoded.append(decoder.decoded)
        kinds.append(event.type)
        decoder.released.set()
    assert (decoded[0], kinds[0], kinds[-1]) == (1, "transcript.text.delta", "transcript.text.done")
    assert decoder.decoded > 20


@pytest.mark.parametrize("form", ["json", "verbose_json"])
def test_json_is_preceded_by_white_space_while_it_is_long_in_coming(start: Start, form: str):
    """The engine hears nothing until the client has seen three signs of life."""
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, first_byte_seconds=0.1, keepalive_seconds=0.1)
    sound = wav(70, seed=1)
    request = {
        "data": {"model": "planted", "response_format": form},
        "files": {"file": ("a.wav", sound)},
    }
    with (
        running.client() as client,
        client.stream("POST", "/v1/audio/transcriptions", **request) as answer,
    ):
        body = ""
        for part in answer.iter_text():
            body += part
            if body.startswith("\n\n\n"):
                decoder.released.set()
    assert answer.status_code == 200
    assert json.loads(body)["text"] == text_of(sound)


def test_signs_of_life_within_the_patience_that_a_client_names(start: Start):
    """A third of its read timeout, whatever the settings of the service say."""
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, first_byte_seconds=1000, keepalive_seconds=1000)
    watched = Watched(decoder.released.set)  # the head of the answer, long before its text
    client = running.openai(http_client=http_client(running, watched))
    sound = wav(70, seed=6)
    answer = client.audio.transcriptions.create(
        file=("a.wav", sound), model="planted", extra_headers=HASTY
    )
    assert answer.text == text_of(sound)
    assert (watched.requests, decoder.decoded) == (1, 3)


def test_a_client_that_gives_up_and_retries_joins_its_own_job(start: Start):
    """srt cannot be padded: the client times out, uploads again, and the work is done once."""
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder)
    sound = wav(70, seed=7)
    impatient = Impatient(lambda: running.service.jobs.running() > 0, decoder.released.set)
    client = running.openai(max_retries=1, http_client=http_client(running, impatient))
    answer = client.audio.transcriptions.create(
        file=("a.wav", sound), model="planted", response_format="srt"
    )
    assert text_of(sound).split()[-1] in answer
    assert (impatient.requests, decoder.decoded, decoder.cancelled) == (2, 3, [])


def test_the_same_upload_three_times_at_once_decodes_once(start: Start):
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder)
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(create, running) for _ in range(3)]
        until(lambda: subscribers(running) == [3], "three clients wait for one job")
        decoder.released.set()
        texts = [answer.result().text for answer in waiting]
    assert len(set(texts)) == 1
    assert decoder.decoded == 2
    assert create(running, language="de").text
    assert decoder.decoded == 4


def test_one_key_never_joins_the_request_of_another(start: Start, tmp_path: Path):
    keys = tmp_path / "keys"
    made = {name: new_key(name) for name in ("ann", "bob")}
    keys.write_text("\n".join(line for _, line in made.values()))
    decoder = PlantedDecoder()
    running = start(decoder, api_keys_file=keys)
    for key, _ in made.values():
        client = running.openai(api_key=key)
        client.audio.transcriptions.create(file=("a.wav", wav(5)), model="planted")
    assert decoder.decoded == 2


def test_a_failure_after_the_first_byte_reaches_the_retry(
    start: Start, caplog: pytest.LogCaptureFixture
):
    """The connection ends, the client retries, and the stored error is final."""
    decoder = PlantedDecoder(fail=engine_failure, free_windows=0)
    running = start(decoder, step_attempts=1)
    watched = Watched(decoder.released.set)  # fails when the answer has begun
    client = running.openai(max_retries=2, http_client=http_client(running, watched))
    with pytest.raises(openai.InternalServerError) as caught:
        client.audio.transcriptions.create(
            file=("a.wav", wav(20, seed=8)), model="planted", extra_headers=HASTY
        )
    assert caught.value.code == "engine_failed"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert (watched.requests, decoder.decoded) == (2, 1)
    cuts = [record for record in caplog.records if record.name == "app.http.responses"]
    assert [record.getMessage() for record in cuts] == ["answer cut off: engine_failed"]
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_a_failed_request_is_done_anew_for_a_client_that_does_not_retry(start: Start):
    decoder = PlantedDecoder(fail=lambda count: engine_failure(count) if count == 1 else None)
    running = start(decoder, step_attempts=1)
    with pytest.raises(openai.InternalServerError):
        create(running, file=("a.wav", wav(5)))
    assert create(running, file=("a.wav", wav(5))).text == text_of(wav(5))


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_nothing_is_padded_but_json(start: Start, form: str):
    running = start(PlantedDecoder(0.3, slots=1), first_byte_seconds=0.1, keepalive_seconds=0.1)
    answer = create(running, response_format=form)
    assert not answer.startswith("\n")


def test_streams_stay_alive_while_they_wait(start: Start):
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, first_byte_seconds=0.1, keepalive_seconds=0.1)
    request = {"data": {"model": "planted", "stream": "true"}, "files": {"file": wav(5)}}
    with (
        running.client() as client,
        client.stream("POST", "/v1/audio/transcriptions", **request) as answer,
    ):
        lines = answer.iter_lines()
        read_until(lines, ": ping", times=3)
        decoder.released.set()
        assert "transcript.text.done" in "".join(lines)


def test_pings_mean_nothing_to_the_official_client(start: Start):
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder)
    watched = Watched(decoder.released.set)
    client = running.openai(http_client=http_client(running, watched))
    events = client.audio.transcriptions.create(
        file=("a.wav", wav(5)), model="planted", stream=True, extra_headers=HASTY
    )
    assert [event.type for event in events][-1] == "transcript.text.done"


def test_an_error_in_a_stream_is_told_in_it(start: Start):
    decoder = PlantedDecoder(fail=engine_failure, free_windows=0)
    running = start(decoder, step_attempts=1)
    watched = Watched(decoder.released.set)  # fails when the stream has begun
    client = running.openai(http_client=http_client(running, watched))
    events = client.audio.transcriptions.create(
        file=("a.wav", wav(5)), model="planted", stream=True, extra_headers=HASTY
    )
    with pytest.raises(openai.APIError) as caught:
        list(events)
    assert caught.value.code == "engine_failed"


@pytest.mark.row("F7")
def test_a_client_that_goes_frees_the_engine_after_the_grace(start: Start):
    decoder = PlantedDecoder(slots=1, free_windows=0)
    running = start(decoder, disconnect_grace_seconds=0.3)
    body = httpx.Request(
        "POST",
        f"{running.url}/v1/audio/transcriptions",
        data={"model": "planted", "response_format": "srt"},
        files={"file": ("a.wav", wav(30 * 20))},
    )
    head = f"POST {body.url.path} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in body.headers.items()
    )
    with socket.create_connection((body.url.host, body.url.port or 80)) as connection:
        connection.sendall(head.encode() + b"\r\n" + body.read())
        until(lambda: not decoder.is_idle, "a window reaches the engine")
    until(lambda: decoder.cancelled, "the request is cancelled")
    decoder.released.set()
    until(lambda: decoder.is_idle and not running.service.jobs.running(), "the request has left")
    assert decoder.decoded <= 1  # the one that was in the only slot


@pytest.mark.row("S3")
def test_sound_and_text_of_a_request_are_deleted(start: Start, tmp_path: Path):
    running = start(request_grace_seconds=0.2, sweep_seconds=0.1)
    marker = create(running).text.split()[0].encode()

    def is_gone() -> bool:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return not running.service.folders.names() and not any(
            marker in path.read_bytes() for path in files
        )

    until(is_gone, "nothing of the request is left")


def test_a_waiting_client_learns_of_a_restart(start: Start):
    decoder = PlantedDecoder(free_windows=0)
    with ThreadPoolExecutor(1) as threads:
        running = start(decoder)
        waiting = threads.submit(create, running, response_format="text")
        until(running.service.jobs.running, "the request is worked on")
        running.stop()
        with pytest.raises((openai.InternalServerError, openai.APIConnectionError)):
            waiting.result()
        decoder.released.set()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_hour_of_sound_with_a_read_timeout_of_five_seconds(start: Start):
    """Whether by signs of life or, on a busy machine, by a retry: it succeeds, decoded once."""
    decoder = PlantedDecoder(0.6)
    running = start(decoder)
    sound = wav(3600, seed=9)
    client = running.openai(timeout=openai.Timeout(GIVE_UP_SECONDS, read=5.0), max_retries=20)
    answer = client.audio.transcriptions.create(file=("hour.wav", sound), model="planted")
    assert answer.text == text_of(sound)
    assert decoder.decoded == 120


@pytest.mark.parametrize("form", ["true", "false"])
def test_what_comes_bit_by_bit_is_not_held_back(start: Start, form: str):
    """nginx holds answers back until they are whole, unless it is told not to."""
    running = start(PlantedDecoder(0.3, slots=1), first_byte_seconds=0.1, validation_seconds=0.1)
    with running.client() as client:
        answer = client.post(
            "/v1/audio/transcriptions",
            data={"model": "planted", "stream": form},
            files={"file": ("a.wav", wav(40))},
        )
    assert answer.status_code == 200
    assert answer.headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize("form", ["verbose_json", "srt"])
def test_a_long_answer_comes_in_blocks_and_is_the_same_by_both_routes(start: Start, form: str):
    """Its length is not known when it begins; that of a short one is."""
    decoder = PlantedDecoder()
    running = start(decoder, first_byte_seconds=GIVE_UP_SECONDS)  # nothing is sent to wait by
    body = {"response_format": form, "timestamp_granularities[]": ["word", "segment"]}
    if form == "srt":
        del body["timestamp_granularities[]"]
    with running.client() as client:
        for words, is_short in ((4, True), (4000, False)):
            decoder.words_per_window = words
            sound = wav(60 + words / 100, seed=words)
            job = client.put("/v1/jobs", content=sound).json()["id"]
            running.wait(job)
            kept = client.get(f"/v1/jobs/{job}/transcript", params=body)
            sent = client.post(
                "/v1/audio/transcriptions",
                files={"file": ("talk.wav", sound)},
                data={"model": "planted", **body},
            )
            assert kept.text == sent.text
            assert ("content-length" in kept.headers) == is_short
            assert ("content-length" in sent.headers) == is_short
            assert kept.text.count("w") > 2 * words
            if form == "verbose_json":
                assert len(kept.json()["words"]) == len(sent.json()["words"]) > 2 * words
