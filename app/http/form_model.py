"""The one table of what a form may ask: name, kind, default, and what OpenAPI says of it.

Defaults are those of the options a field becomes. How fields become options, and which do not go
together, is `forms`' matter.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from app.errors import bad_request
from app.http.fields import (
    MAX_PROMPT,
    Fields,
    count,
    flag,
    number,
    one_of,
    some_of,
    text,
    texts,
)
from chunking.options import MIN_CHAIN, CueOptions, PlanKind
from decoding.types import Ranking, Task
from transcription.documents import Granularity
from transcription.language_names import language_code
from transcription.options import Channels, TranscriptionOptions
from transcription.render import FORMATS, RESPONSE_FORMATS, STREAMABLE

AUTOMATIC = {"", "auto"}  # as many clients say that no language is given
DEFAULT = TranscriptionOptions()
SEARCH, CUT, QUIET, SCREEN = DEFAULT.decoding, DEFAULT.windows, DEFAULT.speech, CueOptions()


def _language(value: str, info: ValidationInfo) -> str | None:
    if value.strip().lower() in AUTOMATIC:
        return None
    try:
        return language_code(value)
    except ValueError as error:
        message = f"{value[:40]!r} is not an ISO-639-1 code of a language that Whisper knows."
        raise bad_request(message, param=info.field_name) from error


def _languages(given: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    codes = (_language(value, info) for value in given)
    return tuple(code for code in codes if code is not None)


def _temperature(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise bad_request(f"temperature must be 0 to 1, got {value}.", param="temperature")
    return value


class TranscriptionForm(BaseModel):
    """Values by the names of their fields; what is not given has its default."""

    model_config = ConfigDict(frozen=True)

    model: Annotated[str | None, text()] = Field(
        None, description="One of /v1/models, by any of its names."
    )
    language: Annotated[str | None, PlainValidator(_language, json_schema_input_type=str)] = Field(
        SEARCH.language,
        description="ISO-639-1; detected if not given. zh-CN and zh-TW choose the script.",
    )
    languages: Annotated[
        tuple[str, ...], PlainValidator(_languages, json_schema_input_type=tuple[str, ...])
    ] = Field((), description="Languages that may occur.")
    prompt: Annotated[str | None, text(MAX_PROMPT)] = SEARCH.prompt
    keywords: Annotated[tuple[str, ...], texts()] = Field((), description="Words to listen for.")
    response_format: Annotated[str, one_of(RESPONSE_FORMATS)] = "json"
    temperature: Annotated[float, number(ge=0, le=1), AfterValidator(_temperature)] = (
        SEARCH.temperatures[0]
    )
    timestamp_granularities: Annotated[
        tuple[Granularity, ...], some_of(get_args(Granularity)[::-1])
    ] = ()
    include: Annotated[tuple[str, ...], some_of(["logprobs"])] = ()
    stream: Annotated[bool, flag()] = Field(
        False, description=f"Events, of {', '.join(STREAMABLE)} alone."
    )
    chunking_strategy: Annotated[str | None, text()] = Field(
        None, description="auto, or a server_vad object as JSON."
    )
    known_speaker_names: Annotated[tuple[str, ...], texts()] = ()
    beam_size: Annotated[int, count(ge=1, le=16)] = SEARCH.beam_size
    best_of: Annotated[int, count(ge=1, le=16)] = SEARCH.best_of
    patience: Annotated[float, number(gt=0, le=4)] = SEARCH.patience
    length_penalty: Annotated[float | None, number(ge=0, le=1)] = SEARCH.length_penalty
    ranking: Annotated[Ranking, one_of(get_args(Ranking))] = Field(
        SEARCH.ranking,
        description="Which of the texts that several beams found is taken, at temperature 0. "
        "minimum_bayes_risk: the one with the fewest errors to be expected. likelihood: the "
        "likeliest, openai-whisper's rule.",
    )
    window: Annotated[float, number(ge=1, le=30)] = CUT.window
    overlap: Annotated[float | None, number(ge=0)] = Field(
        None, description="Seconds; 3, or a sixth of a shorter window, if not given."
    )
    plan: Annotated[PlanKind, one_of(get_args(PlanKind))] = CUT.plan
    chain: Annotated[float | None, number(ge=MIN_CHAIN)] = Field(
        None, description="Seconds of a chain; plan=chains only."
    )
    hotwords: Annotated[str | None, text(MAX_PROMPT)] = SEARCH.hotwords
    condition_on_previous_text: Annotated[bool, flag()] = DEFAULT.condition_on_previous_text
    channels: Annotated[Channels, one_of(get_args(Channels))] = DEFAULT.channels
    audio_track: Annotated[int | None, count(ge=1)] = DEFAULT.audio_track
    vad: Annotated[bool, flag()] = Field(QUIET.skip_silence, description="Skip what is not speech.")
    max_line_length: Annotated[int, count(least=1)] = Field(
        SCREEN.max_line_length,
        description="Columns of a line of subtitles; a wide letter takes two.",
    )
    max_lines: Annotated[int, count(least=1)] = Field(
        SCREEN.max_lines, description="Of a subtitle."
    )
    max_cue: Annotated[float, number(least=SCREEN.min_duration)] = Field(
        SCREEN.max_duration, description="Longest time on screen, seconds."
    )
    reading_speed: Annotated[float, number(least=1)] = Field(
        SCREEN.reading_speed, description="Columns read in a second."
    )
    webhook_url: Annotated[str | None, text()] = Field(
        None, description="Told when the job has ended."
    )


class TranslationForm(TranscriptionForm):
    """A translation has no speakers."""

    response_format: Annotated[str, one_of([n for n in FORMATS if not FORMATS[n].has_speakers])] = (
        "json"
    )


def read_fields(fields: Fields, task: Task) -> TranscriptionForm:
    """What a form says. Raises `ApiError` for a value that its field cannot have."""
    form = _form_of(task)
    given: dict[str, Any] = {}
    for name in form.model_fields:
        values = fields.texts(name) if name in LISTS else fields.text(name)
        if values:
            given[name] = values
    return form.model_validate(given)


def describe_fields(task: Task) -> dict[str, JsonSchemaValue]:
    """JSON schemas of the fields by name; lists as OpenAI's clients write them, `include[]`."""
    described = _form_of(task).model_json_schema(schema_generator=_Description)["properties"]
    return {f"{name}[]" if name in LISTS else name: schema for name, schema in described.items()}


def _form_of(task: Task) -> type[TranscriptionForm]:
    return TranslationForm if task == "translate" else TranscriptionForm


class _Description(GenerateJsonSchema):
    """A form has no null and no empty list: what is not given is not there."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # its name is the base's
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") in (None, ()):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


LISTS = {
    name
    for name, field in TranscriptionForm.model_fields.items()
    if get_origin(field.annotation) is tuple
}
CUE_FIELDS = ("max_line_length", "max_lines", "max_cue", "reading_speed")
