"""Every field of the official client's audio types is known here: honoured, or refused by name.

The types are walked, so that a field which a new release of the client brings fails a test until
somebody has decided about it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

import anyio
import httpx
import openai
import pytest
from openai.types import AudioResponseFormat, audio
from openai.types.audio import transcription_create_params as parameters
from openai.types.audio.transcription_include import TranscriptionInclude
from pydantic import BaseModel, TypeAdapter
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser

from app.errors import ApiError
from app.http.fields import Fields, field_name
from app.http.forms import Asked, read_form
from decoding.types import ModelCard
from tests.app.conftest import Running
from tests.app.planted import text_of, wav
from transcription.options import SpeechOptions
from transcription.render import RESPONSE_FORMATS

CARD = ModelCard("planted", True, ("en", "de"), 0, "cpu", "fp32")
SPLIT = {"response_format": "diarized_json", "extra_body": {"channels": "split"}}
VAD = {
    "type": "server_vad",
    "threshold": 0.4,
    "silence_duration_ms": 300,
    "prefix_padding_ms": 100,
}
OF_SPEECH = {"SpeechModel", "SpeechCreateParams"}
OF_VOICES = {name for name in vars(audio) if name.startswith("Voice")}
CHECKED_HERE = {
    *("Transcription", "TranscriptionVerbose", "TranscriptionDiarized", "Translation"),
    *("TranslationVerbose", "TranscriptionTextDeltaEvent", "TranscriptionTextDoneEvent"),
    *("TranscriptionTextSegmentEvent", "TranscriptionCreateParams", "TranslationCreateParams"),
    *("TranscriptionInclude", "TranscriptionCreateResponse", "TranslationCreateResponse"),
    *("TranscriptionStreamEvent", "TranscriptionSegment", "TranscriptionWord"),
    *("TranscriptionDiarizedSegment", "TranscriptionLanguage"),
}


@dataclass(frozen=True)
class Honoured:
    """A value of a field, what becomes of it, and the fields without which it means nothing."""

    value: Any
    meaning: Callable[[Asked], Any]
    expected: Any
    beside: dict[str, Any] = field(default_factory=dict)


HONOURED = {
    "language": Honoured("de", lambda asked: asked.options.decoding.language, "de"),
    "languages": Honoured(
        ["en", "de"], lambda asked: asked.options.decoding.languages, ("en", "de")
    ),
    "prompt": Honoured("Glossary", lambda asked: asked.options.decoding.prompt, "Glossary"),
    "keywords": Honoured(
        ["Asha", "Ravi"], lambda asked: asked.options.decoding.hotwords, "Asha, Ravi"
    ),
    "temperature": Honoured(0.8, lambda asked: asked.options.decoding.temperatures, (0.8, 1.0)),
    "response_format": Honoured("srt", lambda asked: asked.response_format, "srt"),
    "timestamp_granularities": Honoured(
        ["word"], lambda asked: asked.granularities, ("word",), {"response_format": "verbose_json"}
    ),
    "include": Honoured(["logprobs"], lambda asked: asked.wants_logprobs, True),
    "stream": Honoured(True, lambda asked: asked.is_stream, True),
    "chunking_strategy": Honoured(
        VAD,
        lambda asked: asked.options.speech,
        SpeechOptions(threshold=0.4, min_silence=0.3, pad=0.1),
    ),
    "known_speaker_names": Honoured(
        ["agent", "customer"], lambda asked: asked.speakers, ("agent", "customer"), SPLIT
    ),
}
REFUSED = {"known_speaker_references": ["data:audio/wav;base64,AAAA"]}
OF_EVERY_REQUEST = {"file", "model"}


def fields_of(kind: type) -> set[str]:
    return set(get_type_hints(kind))


class Posted(httpx.BaseTransport):
    """Keeps what the official client sends, and answers it with an empty stream."""

    request: httpx.Request

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.request = request
        return httpx.Response(200, json={"text": ""})

    async def form(self) -> list[tuple[str, str]]:
        async def body() -> Any:
            yield self.request.content

        headers = Headers(self.request.headers)
        parsed = await MultiPartParser(headers, body()).parse()
        pairs = [(name, value) for name, value in parsed.multi_items() if isinstance(value, str)]
        await parsed.close()
        return pairs


def asked(**options: Any) -> Asked:
    """The request that the official client makes of these, as the form understands it."""
    posted = Posted()
    with (
        httpx.Client(transport=posted) as transport,
        openai.OpenAI(base_url="http://here/v1", api_key="none", http_client=transport) as client,
    ):
        answer: Any = client.audio.transcriptions.create(
            file=("a.wav", b"sound"), model="planted", **options
        )
        if options.get("stream"):
            answer.close()
        return read_form(Fields(anyio.run(posted.form)), CARD)


def test_every_type_is_known():
    names = {name for name, value in vars(audio).items() if name[0].isupper()}
    assert names == CHECKED_HERE | OF_SPEECH | OF_VOICES


def test_every_field_of_a_request_is_known():
    known = {*HONOURED, *REFUSED, *OF_EVERY_REQUEST}
    for kind in get_args(audio.TranscriptionCreateParams):
        assert fields_of(kind) == known
    assert fields_of(audio.TranslationCreateParams) <= known


def test_the_guide_for_whisper_1_names_every_field_and_format():
    guide = (Path(__file__).parents[3] / "docs" / "from-whisper-1.md").read_text("utf-8")
    named = {field_name(name) for name in re.findall(r"`([a-z0-9_\[\]]+)[=`]", guide)}
    spoken_of_elsewhere = {"model", "known_speaker_names"}
    assert {*HONOURED, *REFUSED, *OF_EVERY_REQUEST} - spoken_of_elsewhere <= named
    assert set(RESPONSE_FORMATS) <= named


@pytest.mark.parametrize("name", HONOURED)
def test_a_field_is_honoured(name: str):
    example = HONOURED[name]
    assert example.meaning(asked(**example.beside)) != example.expected
    assert example.meaning(asked(**{**example.beside, name: example.value})) == example.expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_field_is_refused_by_its_name(name: str):
    with pytest.raises(ApiError) as caught:
        asked(**{name: REFUSED[name]})
    assert (caught.value.param, caught.value.code) == (name, "unsupported_option")


def test_every_choice_of_a_field_is_taken():
    for form in get_args(AudioResponseFormat):
        more = SPLIT if form == "diarized_json" else {"response_format": form}
        assert asked(**more).response_format == form
    for granularity in ("word", "segment"):
        more = {"response_format": "verbose_json", "timestamp_granularities": [granularity]}
        assert asked(**more).granularities == (granularity,)
    assert get_args(TranscriptionInclude) == ("logprobs",)
    assert asked(chunking_strategy="auto").options.speech == SpeechOptions()
    assert fields_of(parameters.ChunkingStrategyVadConfig) == set(VAD)


MONO = wav(40, seed=2)
STEREO = wav(40, seed=2, channels=2)
WORDS = {"timestamp_granularities[]": ["word", "segment"]}
ANSWERS: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "json": (audio.Transcription, {"include[]": "logprobs"}),
    "verbose_json": (audio.TranscriptionVerbose, WORDS),
    "diarized_json": (audio.TranscriptionDiarized, {"channels": "split"}),
}


def posted(
    running: Running, form: str, path: str = "transcriptions", sound: bytes = STEREO, **more: Any
) -> httpx.Response:
    data = {"model": "planted", "response_format": form, **more}
    with running.client() as client:
        answer = client.post(f"/v1/audio/{path}", data=data, files={"file": ("a.wav", sound)})
    assert answer.status_code == 200, answer.text
    return answer


def ungiven(value: Any, path: str = "") -> Iterator[str]:
    """Declared fields below `value` that the answer leaves out, by their path."""
    if isinstance(value, list):
        for entry in value:
            yield from ungiven(entry, path)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            below = getattr(value, name)
            yield from [f"{path}.{name}"] if below is None else ungiven(below, f"{path}.{name}")


@pytest.mark.parametrize("form", ANSWERS)
def test_an_answer_has_every_field_in_its_type(shared: Running, form: str):
    kind, more = ANSWERS[form]
    read = kind.model_validate_json(posted(shared, form, **more).content, strict=True)
    assert set(ungiven(read)) == set()


def test_a_translation_has_every_field_in_its_type(shared: Running):
    for form, kind in (("json", audio.Translation), ("verbose_json", audio.TranslationVerbose)):
        answer = posted(shared, form, "translations")
        assert set(ungiven(kind.model_validate_json(answer.content, strict=True))) == set()


STREAMS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("json", {"include[]": "logprobs"}, {"transcript.text.delta.segment_id"}),
    (
        "diarized_json",
        {"channels": "split"},
        {"transcript.text.delta.logprobs", "transcript.text.done.logprobs"},
    ),
]


@pytest.mark.parametrize(("form", "more", "left_out"), STREAMS, ids=["json", "diarized_json"])
def test_events_have_every_field_in_their_types(
    shared: Running, form: str, more: dict[str, Any], left_out: set[str]
):
    """But for those that the types themselves keep for the other kind of stream."""
    reader: TypeAdapter[Any] = TypeAdapter(audio.TranscriptionStreamEvent)
    lines = posted(shared, form, stream="true", **more).text.split("\n\n")
    bodies = [line.removeprefix("data: ") for line in lines if line.startswith("data: {")]
    events = [reader.validate_json(body, strict=True) for body in bodies]
    assert {name for event in events for name in ungiven(event, event.type)} == left_out
    kinds = {event.type for event in events}
    assert kinds == {json.loads(body)["type"] for body in bodies}
    assert ("transcript.text.segment" in kinds) == (form == "diarized_json")


def test_usage_and_languages_of_a_stream(shared: Running):
    lines = posted(shared, "json", sound=MONO, stream="true").text.split("\n\n")
    last = json.loads(lines[-3].removeprefix("data: "))
    words = len(text_of(MONO).split())  # of one token each
    assert last["languages"] == [{"code": "en"}]
    assert last["usage"] == {
        "type": "tokens",
        "input_tokens": 40 * 50,
        "input_token_details": {"audio_tokens": 40 * 50, "text_tokens": 0},
        "output_tokens": words,
        "total_tokens": 40 * 50 + words,
    }
