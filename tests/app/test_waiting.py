"""Answers that wait: signs of life, retries that join, clients that go."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from app.keys import new_key
from tests.app.conftest import Running, Start
from tests.app.planted import PlantedDecoder, engine_failure, text_of, wav


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
        extra_body={"beam_size": 3, "patience": 1.5, "hotwords": "Asha", "keywords": ["Ravi"]},
    )
    options = decoder.options[0]
    assert (options.language, options.prompt, options.beam_size) == ("hi", "Glossary", 3)
    assert options.temperatures == (0.4, 0.6, 0.8, 1.0)
    assert options.hotwords == "Asha, Ravi"
    assert options.patience == 1.5


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


def test_signs_of_life_within_the_client_s_patience(start: Start):
    """A client whose read timeout is far shorter than the work succeeds, without a retry."""
    decoder = PlantedDecoder(0.4, slots=1)
    running = start(decoder)
    sound = wav(30 * 8, seed=6)
    client = running.openai(timeout=1.0)
    answer = client.audio.transcriptions.create(file=("a.wav", sound), model="planted")
    assert answer.text == text_of(sound)
    assert decoder.decoded == 8


def test_a_client_that_gives_up_and_retries_joins_its_own_job(start: Start):
    """srt cannot be padded: the client times out, uploads again, and the work is done once."""
    decoder = PlantedDecoder(0.4, slots=1)
    running = start(decoder)
    sound = wav(30 * 8, seed=7)
    client = running.openai(timeout=2.0, max_retries=5)
    answer = client.audio.transcriptions.create(
        file=("a.wav", sound), model="planted", response_format="srt"
    )
    assert text_of(sound).split()[-1] in answer
    assert decoder.decoded == 8


def test_the_same_upload_three_times_at_once_decodes_once(start: Start):
    decoder = PlantedDecoder(0.1)
    running = start(decoder)
    with ThreadPoolExecutor(3) as threads:
        texts = list(threads.map(lambda _: create(running).text, range(3)))
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


def test_a_failure_after_the_first_byte_reaches_the_retry(start: Start):
    """The connection ends, the client retries, and the stored error is final."""
    decoder = PlantedDecoder(0.6, slots=1, fail=engine_failure)
    running = start(decoder, step_attempts=1)
    client = running.openai(timeout=0.9, max_retries=2)
    with pytest.raises(openai.InternalServerError) as caught:
        client.audio.transcriptions.create(file=("a.wav", wav(20, seed=8)), model="planted")
    assert caught.value.code == "engine_failed"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert decoder.decoded == 1


def test_a_failed_request_is_done_anew_for_a_client_that_does_not_retry(start: Start):
    decoder = PlantedDecoder(fail=lambda count: engine_failure(count) if count == 1 else None)
    running = start(decoder, step_attempts=1)
    with pytest.raises(openai.InternalServerError):
        create(running, file=("a.wav", wav(5)))
    assert create(running, file=("a.wav", wav(5))).text == text_of(wav(5))


def test_padding_of_json_is_white_space(start: Start):
    decoder = PlantedDecoder(0.3, slots=1)
    running = start(decoder, first_byte_seconds=0.1, keepalive_seconds=0.1)
    with running.client() as client:
        body = client.post(
            "/v1/audio/transcriptions",
            data={"model": "planted", "response_format": "verbose_json"},
            files={"file": ("a.wav", wav(70, seed=1))},
        )
    assert body.text.startswith("\n\n")
    assert body.json()["text"] == text_of(wav(70, seed=1))


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_nothing_is_padded_but_json(start: Start, form: str):
    running = start(PlantedDecoder(0.3, slots=1), first_byte_seconds=0.1, keepalive_seconds=0.1)
    answer = create(running, response_format=form)
    assert not answer.startswith("\n")


def test_streams_stay_alive_while_they_wait(start: Start):
    decoder = PlantedDecoder(1.5)
    running = start(decoder)
    client = running.openai(timeout=0.6)
    events = client.audio.transcriptions.create(
        file=("a.wav", wav(5)), model="planted", stream=True
    )
    assert [event.type for event in events][-1] == "transcript.text.done"


def test_an_error_in_a_stream_is_told_in_it(start: Start):
    decoder = PlantedDecoder(0.7, fail=engine_failure)
    running = start(decoder, step_attempts=1)
    client = running.openai(timeout=0.6)
    events = client.audio.transcriptions.create(
        file=("a.wav", wav(5)), model="planted", stream=True
    )
    with pytest.raises(openai.APIError) as caught:
        list(events)
    assert caught.value.code == "engine_failed"


def test_a_client_that_goes_frees_the_engine_after_the_grace(start: Start):
    decoder = PlantedDecoder(0.2, slots=1)
    running = start(decoder, disconnect_grace_seconds=0.3)
    client = running.openai(timeout=0.5)
    with pytest.raises(openai.APITimeoutError):
        client.audio.transcriptions.create(
            file=("a.wav", wav(30 * 50)), model="planted", response_format="srt"
        )
    give_up = time.monotonic() + 5
    while not decoder.cancelled:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    time.sleep(0.3)
    count = decoder.decoded
    time.sleep(0.5)
    assert decoder.decoded == count < 50


def test_sound_and_text_of_a_request_are_deleted(start: Start, tmp_path: Path):
    running = start(request_grace_seconds=0.2, sweep_seconds=0.1)
    text = create(running).text
    marker = text.split()[0].encode()
    give_up = time.monotonic() + 10
    while running.service.folders.names() or any(
        marker in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    ):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_waiting_client_learns_of_a_restart(start: Start):
    decoder = PlantedDecoder()
    decoder.released.clear()
    with ThreadPoolExecutor(1) as threads:
        running = start(decoder)
        waiting = threads.submit(create, running, response_format="text")
        give_up = time.monotonic() + 10
        while not running.service.jobs.running():
            assert time.monotonic() < give_up
            time.sleep(0.02)
        running.stop()
        with pytest.raises((openai.InternalServerError, openai.APIConnectionError)):
            waiting.result()
        decoder.released.set()


@pytest.mark.slow
def test_an_hour_of_sound_with_a_read_timeout_of_five_seconds(start: Start):
    decoder = PlantedDecoder(0.6)
    running = start(decoder)
    sound = wav(3600, seed=9)
    client = running.openai(timeout=openai.Timeout(60, read=5.0))
    answer = client.audio.transcriptions.create(file=("hour.wav", sound), model="planted")
    assert answer.text == text_of(sound)
    assert decoder.decoded == 120
