"""A form as options: every field of OpenAI's contract, and ours beside them.

A field that nobody knows is ignored, as OpenAI does. A field that is known and cannot be honoured
is an error that says why: to accept and ignore it would be a lie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from app.errors import ApiError, bad_request
from app.http.fields import MAX_PROMPT, Fields
from app.http.form_model import AUTOMATIC, CUE_FIELDS, TranscriptionForm, read_fields
from chunking.options import CueOptions, WindowOptions
from decoding.types import DecodingOptions, ModelCard, Task
from transcription.documents import Granularity
from transcription.errors import UnsupportedRequest
from transcription.language import check_model_can
from transcription.language_names import Script, only_script_of
from transcription.options import SpeechOptions, TranscriptionOptions, fallback_temperatures
from transcription.render import FORMATS, STREAMABLE, SUBTITLES

UNSTREAMED = "whisper-1"  # OpenAI ignores `stream` for it
MAX_SPEAKERS = 4
MAX_STRATEGY_MS = 10_000
_STRATEGY = "chunking_strategy"


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


def read_form(
    fields: Fields, card: ModelCard | None, task: Task = "transcribe", *, is_whole: bool = True
) -> Asked:
    """Understand a form for the model `card`. Raises `ApiError` for what cannot be honoured.

    `card` None: the model is not loaded yet, and judges when it is. Not `is_whole`: more fields may
    follow, so fields are judged one by one, not together.
    """
    form = read_fields(fields, task)
    try:
        options = _options(form, fields, task)
        if card is not None:
            check_model_can(options, card)
    except UnsupportedRequest as error:
        raise bad_request(str(error), param=_blamed(fields, task), code=error.code) from error
    except ValueError as error:  # the options check themselves and name the field first
        raise bad_request(f"{error}.", param=str(error).split()[0]) from error
    chosen = tuple(name for name in get_args(Granularity) if name in form.timestamp_granularities)
    asked = Asked(
        options=options,
        response_format=form.response_format,
        granularities=chosen or ("segment",),
        wants_logprobs=bool(form.include),
        is_stream=_is_stream(form),
        speakers=form.known_speaker_names,
        webhook_url=form.webhook_url,
        cues=CueOptions(
            form.max_line_length, form.max_lines, form.max_cue, reading_speed=form.reading_speed
        ),
    )
    if is_whole:
        _check_together(fields, asked)
    return asked


def _options(form: TranscriptionForm, fields: Fields, task: Task) -> TranscriptionOptions:
    return TranscriptionOptions(
        decoding=DecodingOptions(
            task=task,
            language=form.language,
            languages=form.languages,
            prompt=form.prompt,
            hotwords=", ".join(filter(None, (form.hotwords, *form.keywords)))[:MAX_PROMPT] or None,
            beam_size=form.beam_size,
            best_of=form.best_of,
            patience=form.patience,
            length_penalty=form.length_penalty,
            ranking=form.ranking,
            # 0 is OpenAI's automatic: fall back where a window fails. Above, the fallback starts.
            temperatures=fallback_temperatures(form.temperature),
        ),
        windows=WindowOptions.of(form.window, form.overlap, plan=form.plan, chain=form.chain),
        speech=_speech(form, fields),
        channels=form.channels,
        script=_script(fields),
        condition_on_previous_text=form.condition_on_previous_text,
        audio_track=form.audio_track,
    )


def _script(fields: Fields) -> Script | None:
    given = (fields.text("language") or "", *fields.texts("languages"))
    return only_script_of(value for value in given if value.strip().lower() not in AUTOMATIC)


def _speech(form: TranscriptionForm, fields: Fields) -> SpeechOptions:
    default = SpeechOptions()
    given = _strategy(form.chunking_strategy, fields)
    kind = given.get("type")
    if kind not in (None, "auto", "server_vad"):  # a tuple: JSON may hold what has no hash
        message = f"{_STRATEGY} must be 'auto' or of type 'server_vad', not {str(kind)[:100]!r}."
        raise bad_request(message, param=_STRATEGY)
    try:
        return SpeechOptions(
            skip_silence=form.vad,
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


def _strategy(text: str | None, fields: Fields) -> Mapping[str, Any]:
    """`auto`, a JSON object, or the fields `chunking_strategy[…]`, as one mapping."""
    names = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
    nested = {name: fields.text(f"{_STRATEGY}[{name}]") for name in names}
    given: dict[str, Any] = {name: value for name, value in nested.items() if value is not None}
    if text is None:
        return given
    if not text.lstrip().startswith("{"):
        return {"type": text.strip(), **given}
    try:
        return {**json.loads(text), **given}
    except (ValueError, RecursionError) as error:
        raise bad_request(f"{_STRATEGY} is not valid JSON.", param=_STRATEGY) from error


def _is_stream(form: TranscriptionForm) -> bool:
    """Whether the answer is events. Under the name of `UNSTREAMED` all that can be sent in parts is
    streamed, and the wish is passed over for the rest, as clients written for OpenAI expect."""
    return form.stream and (form.response_format in STREAMABLE or form.model != UNSTREAMED)


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
