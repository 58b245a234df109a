"""The official Python client, unmodified, against the running service."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from tests.app.conftest import Running
from tests.app.planted import text_of, wav

SOUND = wav(70, seed=1)
TEXT = text_of(SOUND)
FILE = ("meeting.wav", SOUND)


def create(running: Running, **options: Any) -> Any:
    options = {"file": FILE, "model": "planted", **options}
    return running.openai().audio.transcriptions.create(**options)


def test_json(shared: Running):
    answer = create(shared)
    assert answer.text == TEXT
    assert answer.usage.seconds == 70


def test_the_alias_whisper_1_is_the_loaded_model(shared: Running):
    assert create(shared, model="whisper-1").text == TEXT


def test_verbose_json_keeps_our_extra_keys(shared: Running):
    answer = create(shared, response_format="verbose_json", language="de")
    assert (answer.language, answer.duration, answer.text) == ("german", 70.0, TEXT)
    assert [segment.id for segment in answer.segments] == [0, 1, 2]
    assert answer.segments[0].text.startswith(" ")
    assert answer.words is None
    assert answer.coverage["speech_seconds"] == 70.0


def test_word_granularity_alone_leaves_segments_out(shared: Running):
    answer = create(
        shared, response_format="verbose_json", timestamp_granularities=["word"], temperature=0
    )
    assert answer.segments is None
    assert [word.word for word in answer.words] == TEXT.split()
    assert answer.words[0].probability == 0.5


def test_both_granularities(shared: Running):
    answer = create(
        shared, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert len(answer.words) == 12
    assert len(answer.segments) == 3


def test_text(shared: Running):
    assert create(shared, response_format="text") == TEXT + "\n"


def test_srt(shared: Running):
    answer = create(shared, response_format="srt")
    assert answer.startswith("1\n00:00:00,000 --> 00:00:")


def test_vtt(shared: Running):
    assert create(shared, response_format="vtt").startswith("WEBVTT\n\n00:00")


def test_logprobs_of_words(shared: Running):
    answer = create(shared, include=["logprobs"])
    assert [entry.token.strip() for entry in answer.logprobs] == TEXT.split()
    assert answer.logprobs[0].logprob == pytest.approx(-0.693147)
    assert bytes(map(int, answer.logprobs[0].bytes)).decode() == answer.logprobs[0].token


def test_diarized_json_of_split_channels(shared: Running):
    file = ("call.wav", wav(40, seed=2, channels=2))
    answer = create(
        shared,
        file=file,
        response_format="diarized_json",
        extra_body={"channels": "split"},
    )
    assert {segment.speaker for segment in answer.segments} == {"A", "B"}
    assert answer.segments[0].type == "transcript.text.segment"


def test_known_names_of_speakers(shared: Running):
    answer = create(
        shared,
        file=("call.wav", wav(5, seed=2, channels=2)),
        response_format="diarized_json",
        known_speaker_names=["agent", "customer"],
        extra_body={"channels": "split"},
    )
    assert {segment.speaker for segment in answer.segments} == {"agent", "customer"}


def test_stream(shared: Running):
    events = list(create(shared, stream=True))
    kinds = [event.type for event in events]
    assert set(kinds) == {"transcript.text.delta", "transcript.text.done"}
    assert kinds[-1] == "transcript.text.done"
    assert "".join(event.delta for event in events[:-1]) == TEXT == events[-1].text


def test_stream_of_split_channels_ends_with_the_same_text(shared: Running):
    file = ("call.wav", wav(40, seed=4, channels=2))
    events = list(create(shared, file=file, stream=True, extra_body={"channels": "split"}))
    assert "".join(event.delta for event in events[:-1]) == events[-1].text


def test_stream_of_diarized_segments(shared: Running):
    events = list(
        create(
            shared,
            file=("call.wav", wav(5, seed=2, channels=2)),
            stream=True,
            response_format="diarized_json",
            extra_body={"channels": "split"},
        )
    )
    delta, segment, done = (f"transcript.text.{kind}" for kind in ("delta", "segment", "done"))
    assert [event.type for event in events] == [delta, segment, delta, segment, done]
    assert [event.segment_id for event in events if event.type == delta] == ["seg_0", "seg_1"]
    assert "".join(event.delta for event in events if event.type == delta) == events[-1].text


@pytest.mark.parametrize("form", ["verbose_json", "srt", "vtt"])
def test_whisper_1_passes_over_the_wish_for_a_stream(shared: Running, form: str):
    """As the hosted one does; clients that ask every model for a stream read a whole answer."""
    with shared.client() as client:
        answer = client.post(
            "/v1/audio/transcriptions",
            data={"model": "whisper-1", "response_format": form, "stream": "true"},
            files={"file": FILE},
        )
    assert answer.status_code == 200
    assert "text/event-stream" not in answer.headers["content-type"]
    assert TEXT.split()[0] in answer.text


def test_whisper_1_streams_what_can_be_streamed(shared: Running):
    assert list(create(shared, model="whisper-1", stream=True))[-1].text == TEXT


@pytest.mark.parametrize("form", ["json", "text", "srt"])
def test_segments_may_be_asked_of_formats_that_have_none(shared: Running, form: str):
    """Vercel's SDK asks for them whatever the format is."""
    answer = create(shared, response_format=form, timestamp_granularities=["segment"])
    assert TEXT.split()[0] in (answer if isinstance(answer, str) else answer.text)


def test_stream_of_bad_audio_is_a_plain_400(shared: Running):
    with pytest.raises(openai.BadRequestError) as caught:
        list(create(shared, file=("a.mp3", b"not sound"), stream=True))
    assert caught.value.code == "unsupported_media"


def test_translation(shared: Running):
    translations = shared.openai().audio.translations
    with pytest.warns(DeprecationWarning, match="deprecated"):  # the client's, of the route as such
        answer = translations.create(file=FILE, model="planted")
    assert answer.text == TEXT
    with pytest.warns(DeprecationWarning, match="deprecated"):
        verbose = translations.create(file=FILE, model="planted", response_format="verbose_json")
    assert (verbose.language, verbose.model_extra["task"]) == ("english", "translate")


def test_async_client(shared: Running):
    async def both() -> tuple[str, str]:
        async with openai.AsyncOpenAI(
            base_url=f"{shared.url}/v1", api_key="none", max_retries=0
        ) as client:
            whole = await client.audio.transcriptions.create(file=FILE, model="planted")
            stream = await client.audio.transcriptions.create(
                file=FILE, model="planted", stream=True
            )
            deltas = [e.delta async for e in stream if e.type == "transcript.text.delta"]
            return whole.text, "".join(deltas)

    assert asyncio.run(both()) == (TEXT, TEXT)


def test_models(shared: Running):
    client = shared.openai()
    listed = [model.id for model in client.models.list()]
    assert (listed[0], listed[-1]) == ("planted", "whisper-1")
    assert client.models.retrieve("planted").owned_by == "whisper-longform"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("some/other")


@pytest.mark.parametrize(
    ("options", "param", "code"),
    [
        ({"model": "gpt-x"}, "model", "model_not_found"),
        ({"response_format": "xml"}, "response_format", "invalid_value"),
        ({"temperature": 2}, "temperature", "invalid_value"),
        ({"language": "klingon"}, "language", "invalid_value"),
        ({"language": "fr"}, "language", "unsupported_option"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities", "unsupported_option"),
        ({"response_format": "diarized_json"}, "response_format", "unsupported_option"),
        ({"response_format": "srt", "stream": True}, "stream", "unsupported_option"),
        ({"response_format": "text", "include": ["logprobs"]}, "include", "unsupported_option"),
        (
            {"known_speaker_references": ["data:audio/wav;base64,AAAA"]},
            "known_speaker_references",
            "unsupported_option",
        ),
        ({"extra_body": {"beam_size": 99}}, "beam_size", "invalid_value"),
        ({"extra_body": {"window": "long"}}, "window", "invalid_value"),
        ({"extra_body": {"overlap": 20}}, "overlap", "invalid_value"),
        ({"extra_body": {"plan": "spiral"}}, "plan", "invalid_value"),
        ({"extra_body": {"plan": "chains", "chain": 5}}, "chain", "invalid_value"),
        ({"extra_body": {"chain": 60}}, "chain", "invalid_value"),
        ({"chunking_strategy": "magic"}, "chunking_strategy", "invalid_value"),
        ({"file": ("empty.wav", b"")}, "file", "empty_file"),
        ({"file": ("a.mp3", b"not sound")}, "file", "unsupported_media"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_refusals_name_field_and_reason(
    shared: Running, options: dict[str, Any], param: str, code: str
):
    with pytest.raises(openai.APIStatusError) as caught:
        create(shared, **options)
    error = caught.value
    assert error.status_code == (404 if code == "model_not_found" else 400)
    assert (error.param, error.code, error.type) == (param, code, "invalid_request_error")
    assert error.request_id


def test_unknown_fields_are_ignored(shared: Running):
    assert create(shared, extra_body={"nonsense": 1, "vad": {"on": True}}).text == TEXT


@pytest.mark.parametrize("language", ["de-DE", "DE", "German", "auto", "Auto", " "])
def test_languages_as_clients_write_them(shared: Running, language: str):
    answer = create(shared, response_format="verbose_json", language=language)
    assert answer.language in {"german", "english"}
    assert (answer.language == "german") == language.lower().startswith(("de", "ger"))
