"""The fields of a form as options: every field of OpenAI's contract, and ours beside them.

A field that nobody knows is ignored, as OpenAI does. A field that is known and cannot be honoured
is an error that says why: to accept and ignore it would be a lie.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from app.errors import ApiError, bad_request
from chunking.options import CueOptions, PlanKind, WindowOptions
from decoding.types import DecodingOptions, ModelCard, Task
from transcription.documents import Granularity
from transcription.errors import UnsupportedRequest
from transcription.language import check_model_can
from transcription.language_names import Script, language_code, only_script_of
from transcription.options import (
    Channels,
    SpeechOptions,
    TranscriptionOptions,
    fallback_temperatures,
)
from transcription.render import FORMATS, RESPONSE_FORMATS, STREAMABLE, SUBTITLES

AUTOMATIC = {"", "auto"}  # as many clients say that no language is given
UNSTREAMED = "whisper-1"  # OpenAI ignores `stream` for it
CUE_FIELDS = ("max_line_length", "max_lines", "max_cue", "reading_speed")
MAX_LISTED = 64
MAX_COUNT = 1_000_000_000
MAX_SPEAKERS = 4
MAX_STRATEGY_MS = 10_000
MAX_PROMPT = 20_000
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}
_CHANNELS: tuple[Channels, ...] = get_args(Channels)
_STRATEGY = "chunking_strategy"
_ITEM = re.compile(r"\[[0-9]*\]$")  # how clients mark an item of a list; PHP numbers them
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was meant: what to do, and how to answer."""

    options: TranscriptionOptions
    response_format: str = "json"
    granularities: tuple[Granularity, ...] = ("segment",)
    wants_logprobs: bool = False
    is_stream: bool = False
    speakers: tuple[str, ...] = ()
    webhook_url: str | None = None
    cues: CueOptions = field(default_factory=CueOptions)


def field_name(name: str) -> str:
    """A name without the mark of a list: `include[]` and `include[0]` are `include`."""
    return _ITEM.sub("", name)


class Fields:
    """Text fields of one form by their `field_name`. An empty value counts as not given."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if value != "":
                self._values.setdefault(field_name(name), []).append(value)

    def text(self, name: str) -> str | None:
        values = self._values.get(name)
        return values[-1] if values else None

    def texts(self, name: str) -> tuple[str, ...]:
        values = tuple(self._values.get(name, ()))
        if len(values) > MAX_LISTED:
            raise bad_request(f"{name} takes at most {MAX_LISTED} values.", param=name)
        return values

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self.text(name)
        if value is None:
            return default
        if value not in choices:
            known = ", ".join(map(repr, choices))
            raise bad_request(f"{name} must be one of {known}, not {value[:100]!r}.", param=name)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in _TRUE | _FALSE:
            raise bad_request(f"{name} must be true or false, not {value[:100]!r}.", param=name)
        return value.lower() in _TRUE

    def number(self, name: str, default: float) -> float:
        return self._parsed(name, default, float, "a number")

    def count(self, name: str, default: int) -> int:
        return self._parsed(name, default, _whole, "a whole number")

    def _parsed(self, name: str, default: N, parse: Callable[[str], N], kind: str) -> N:
        value = self.text(name)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError:
            raise bad_request(f"{name} must be {kind}, not {value[:100]!r}.", param=name) from None


def _whole(text: str) -> int:
    """A whole number that a float can stand for."""
    value = int(text)
    if abs(value) > MAX_COUNT:
        raise ValueError(f"{len(text)} digits")
    return value


def read_form(
    fields: Fields, card: ModelCard | None, task: Task = "transcribe", *, is_whole: bool = True
) -> Asked:
    """Understand a form for the model `card`. Raises `ApiError` for what cannot be honoured.

    `card` None: the model is not loaded yet, and judges when it is. Not `is_whole`: more fields may
    follow, so fields are judged one by one, not together.
    """
    try:
        options = _options(fields, task)
        if card is not None:
            check_model_can(options, card)
    except UnsupportedRequest as error:
        raise bad_request(str(error), param=_blamed(fields, task), code=error.code) from error
    except ValueError as error:  # the options check themselves and name the field first
        raise bad_request(f"{error}.", param=str(error).split()[0]) from error
    form = _response_format(fields, task)
    asked = Asked(
        options=options,
        response_format=form,
        granularities=_granularities(fields),
        wants_logprobs=_logprobs(fields),
        is_stream=_is_stream(fields, form),
        speakers=fields.texts("known_speaker_names"),
        webhook_url=fields.text("webhook_url"),
        cues=_cues(fields),
    )
    if is_whole:
        _check_together(fields, asked)
    return asked


def _options(fields: Fields, task: Task) -> TranscriptionOptions:
    return TranscriptionOptions(
        decoding=_decoding(fields, task),
        windows=_windows(fields),
        speech=_speech(fields),
        channels=_channels(fields),
        script=_script(fields),
        condition_on_previous_text=fields.flag("condition_on_previous_text"),
        audio_track=_audio_track(fields),
    )


def _audio_track(fields: Fields) -> int | None:
    return None if fields.text("audio_track") is None else fields.count("audio_track", 1)


def _windows(fields: Fields) -> WindowOptions:
    """A shorter window overlaps by the same share, unless the form says how much."""
    default = WindowOptions.of(fields.number("window", WindowOptions().window))
    chosen = fields.choice("plan", get_args(PlanKind), default.plan)
    plan: PlanKind = "chains" if chosen == "chains" else "grid"
    chain = fields.number("chain", 0.0) if fields.text("chain") is not None else None
    return WindowOptions.of(
        default.window,
        fields.number("overlap", default.overlap),
        plan=plan,
        chain=chain,
    )


def _decoding(fields: Fields, task: Task) -> DecodingOptions:
    default = DecodingOptions()
    length_penalty = None
    if fields.text("length_penalty") is not None:
        length_penalty = fields.number("length_penalty", 0.0)
    return DecodingOptions(
        task=task,
        language=_language(fields.text("language"), "language"),
        languages=_languages(fields),
        prompt=_bounded(fields, "prompt"),
        hotwords=_hotwords(fields),
        beam_size=fields.count("beam_size", default.beam_size),
        best_of=fields.count("best_of", default.best_of),
        patience=fields.number("patience", default.patience),
        length_penalty=length_penalty,
        temperatures=_temperatures(fields),
    )


def _temperatures(fields: Fields) -> tuple[float, ...]:
    """0 means OpenAI's automatic: fall back where a window fails. Above 0 the fallback starts
    there."""
    first = fields.number("temperature", 0.0)
    if not 0.0 <= first <= 1.0:
        message = f"temperature must be 0 to 1, got {first}."
        raise bad_request(message, param="temperature")
    return fallback_temperatures(first)


def _language(value: str | None, param: str) -> str | None:
    if value is None or value.strip().lower() in AUTOMATIC:
        return None
    try:
        return language_code(value)
    except ValueError as error:
        message = f"{value[:40]!r} is not an ISO-639-1 code of a language that Whisper knows."
        raise bad_request(message, param=param) from error


def _languages(fields: Fields) -> tuple[str, ...]:
    codes = (_language(value, "languages") for value in fields.texts("languages"))
    return tuple(code for code in codes if code is not None)


def _script(fields: Fields) -> Script | None:
    given = (fields.text("language") or "", *fields.texts("languages"))
    return only_script_of(value for value in given if value.strip().lower() not in AUTOMATIC)


def _hotwords(fields: Fields) -> str | None:
    words = (_bounded(fields, "hotwords"), *fields.texts("keywords"))
    joined = ", ".join(filter(None, words))
    return joined[:MAX_PROMPT] or None


def _bounded(fields: Fields, name: str) -> str | None:
    text = fields.text(name)
    if text is not None and len(text) > MAX_PROMPT:
        raise bad_request(f"{name} takes at most {MAX_PROMPT} characters.", param=name)
    return text


def _channels(fields: Fields) -> Channels:
    asked = fields.choice("channels", get_args(Channels), "mix")
    return next(known for known in _CHANNELS if known == asked)


def _speech(fields: Fields) -> SpeechOptions:
    default = SpeechOptions()
    given = _strategy(fields)
    kind = given.get("type")
    if kind not in (None, "auto", "server_vad"):  # a tuple: JSON may hold what has no hash
        message = f"{_STRATEGY} must be 'auto' or of type 'server_vad', not {str(kind)[:100]!r}."
        raise bad_request(message, param=_STRATEGY)
    try:
        return SpeechOptions(
            skip_silence=fields.flag("vad", default=default.skip_silence),
            threshold=float(given.get("threshold", default.threshold)),
            min_silence=_from_milliseconds(given, "silence_duration_ms", default.min_silence),
            pad=_from_milliseconds(given, "prefix_padding_ms", default.pad),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_request(f"{_STRATEGY}: {error}.", param=_STRATEGY) from error


def _from_milliseconds(given: Mapping[str, Any], name: str, default: float) -> float:
    value = float(given.get(name, default * 1000))
    if not 0 <= value <= MAX_STRATEGY_MS:
        raise ValueError(f"{name} must be 0 to {MAX_STRATEGY_MS}, got {value:g}")
    return value / 1000


def _strategy(fields: Fields) -> Mapping[str, Any]:
    """`auto`, a JSON object, or the fields `chunking_strategy[…]`, as one mapping."""
    names = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
    nested = {name: fields.text(f"{_STRATEGY}[{name}]") for name in names}
    given: dict[str, Any] = {name: value for name, value in nested.items() if value is not None}
    text = fields.text(_STRATEGY)
    if text is None:
        return given
    if not text.lstrip().startswith("{"):
        return {"type": text.strip(), **given}
    try:
        return {**json.loads(text), **given}
    except (ValueError, RecursionError) as error:
        raise bad_request(f"{_STRATEGY} is not valid JSON.", param=_STRATEGY) from error


def _response_format(fields: Fields, task: Task) -> str:
    known = [
        name for name in RESPONSE_FORMATS if task != "translate" or not FORMATS[name].has_speakers
    ]
    return fields.choice("response_format", known, "json")


def _is_stream(fields: Fields, form: str) -> bool:
    """Whether the answer is events. Under the name of `UNSTREAMED` all that can be sent in parts is
    streamed, and the wish is passed over for the rest, as clients written for OpenAI expect."""
    is_wanted = fields.flag("stream")
    return is_wanted and (form in STREAMABLE or fields.text("model") != UNSTREAMED)


def _granularities(fields: Fields) -> tuple[Granularity, ...]:
    given = fields.texts("timestamp_granularities")
    unknown = [value for value in given if value not in get_args(Granularity)]
    if unknown:
        message = f"timestamp_granularities takes 'word' and 'segment', not {unknown[0][:100]!r}."
        raise bad_request(message, param="timestamp_granularities")
    chosen: tuple[Granularity, ...] = tuple(name for name in get_args(Granularity) if name in given)
    return chosen or ("segment",)


def _cues(fields: Fields) -> CueOptions:
    """How subtitles look; the names are those of the command line."""
    default = CueOptions()
    columns = fields.count("max_line_length", default.max_line_length)
    lines = fields.count("max_lines", default.max_lines)
    duration = fields.number("max_cue", default.max_duration)
    speed = fields.number("reading_speed", default.reading_speed)
    for name, value, least in (
        ("max_line_length", columns, 1),
        ("max_lines", lines, 1),
        ("max_cue", duration, default.min_duration),
        ("reading_speed", speed, 1),
    ):
        if not (math.isfinite(value) and value >= least):
            raise bad_request(f"{name} must be {least} or more, got {value}.", param=name)
    return CueOptions(columns, lines, duration, reading_speed=speed)


def _logprobs(fields: Fields) -> bool:
    given = fields.texts("include")
    unknown = [value for value in given if value != "logprobs"]
    if unknown:
        raise bad_request(f"include takes 'logprobs', not {unknown[0][:100]!r}.", param="include")
    return bool(given)


def _check_together(fields: Fields, asked: Asked) -> None:
    """Fields that are each right and do not go together."""
    form = asked.response_format
    if "word" in asked.granularities and form != "verbose_json":
        raise _misfit("timestamp_granularities=word needs response_format verbose_json.")
    if asked.wants_logprobs and form != "json":
        raise _misfit("include=logprobs needs response_format json.")
    cue_fields = [name for name in CUE_FIELDS if fields.text(name)]
    if cue_fields and form not in SUBTITLES:
        raise _misfit(f"{cue_fields[0]} needs response_format {' or '.join(SUBTITLES)}.")
    if asked.is_stream and form not in STREAMABLE:
        raise _misfit(f"stream is for {', '.join(STREAMABLE)}; {form} is whole or nothing.")
    has_speakers = FORMATS[form].has_speakers
    if has_speakers and not asked.options.tells_apart:
        raise _misfit(
            f"response_format {form} tells speakers apart by their channel: it needs "
            "channels=split or channels=tracks and a recording with one speaker in each."
        )
    if fields.texts("known_speaker_references"):
        raise _misfit("known_speaker_references cannot be used: speakers are channels here.")
    if asked.speakers and not has_speakers:
        raise _misfit("known_speaker_names needs response_format diarized_json.")
    if len(asked.speakers) > MAX_SPEAKERS:
        raise _misfit(f"known_speaker_names takes at most {MAX_SPEAKERS} names.")
    decoding = asked.options.decoding
    if decoding.language and decoding.languages and decoding.language not in decoding.languages:
        raise _misfit("language is not one of languages.")


def _misfit(message: str) -> ApiError:
    return bad_request(message, param=re.split(r"[ =]", message)[0], code="unsupported_option")


def _blamed(fields: Fields, task: Task) -> str | None:
    given = (name for name in ("language", "languages") if fields.texts(name))
    return next(given, "model" if task == "translate" else None)
