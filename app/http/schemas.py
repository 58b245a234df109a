"""What the OpenAPI description says of bodies that no framework parses: forms, errors, jobs."""

from __future__ import annotations

from typing import Any

from chunking.options import CueOptions
from decoding.types import Task
from transcription.render import FORMATS, STREAMABLE

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": ["integer", "null"], "description": "Seconds since 1970."}


_CUES = CueOptions()
CUE_SCHEMAS: dict[str, Schema] = {
    "max_line_length": {
        "type": "integer",
        "minimum": 1,
        "default": _CUES.max_line_length,
        "description": "Columns of a line of subtitles; a wide letter takes two.",
    },
    "max_lines": {
        "type": "integer",
        "minimum": 1,
        "default": _CUES.max_lines,
        "description": "Of a subtitle.",
    },
    "max_cue": {
        "type": "number",
        "minimum": _CUES.min_duration,
        "default": _CUES.max_duration,
        "description": "Longest time on screen, seconds.",
    },
    "reading_speed": {
        "type": "number",
        "minimum": 1,
        "default": _CUES.reading_speed,
        "description": "Columns read in a second.",
    },
}


def _strings(**more: Any) -> Schema:
    return {"type": "array", "items": {"type": "string", **more}}


def _form_fields(task: Task) -> dict[str, Schema]:
    formats = [
        name for name, form in FORMATS.items() if task != "translate" or not form.has_speakers
    ]
    return {
        "file": {"type": "string", "format": "binary", "description": "The recording."},
        "model": _STRING | {"description": "One of /v1/models, by any of its names."},
        "language": _STRING
        | {"description": "ISO-639-1; detected if not given. zh-CN and zh-TW choose the script."},
        "languages[]": _strings() | {"description": "Languages that may occur."},
        "prompt": _STRING,
        "keywords[]": _strings() | {"description": "Words to listen for."},
        "response_format": _STRING | {"enum": formats, "default": "json"},
        "temperature": _NUMBER | {"minimum": 0, "maximum": 1, "default": 0},
        "timestamp_granularities[]": _strings(enum=["word", "segment"]),
        "include[]": _strings(enum=["logprobs"]),
        "stream": _FLAG
        | {"default": False, "description": f"Events, of {', '.join(STREAMABLE)} alone."},
        "chunking_strategy": _STRING | {"description": "auto, or a server_vad object as JSON."},
        "known_speaker_names[]": _strings(),
        "beam_size": {"type": "integer", "minimum": 1, "maximum": 16},
        "best_of": {"type": "integer", "minimum": 1, "maximum": 16},
        "patience": _NUMBER | {"exclusiveMinimum": 0, "maximum": 4},
        "length_penalty": _NUMBER | {"minimum": 0, "maximum": 1},
        "window": _NUMBER | {"minimum": 1, "maximum": 30, "default": 30},
        "overlap": _NUMBER | {"minimum": 0, "default": 5},
        "plan": _STRING | {"enum": ["grid", "chains"], "default": "grid"},
        "chain": _NUMBER | {"minimum": 30, "description": "Seconds of a chain; plan=chains only."},
        "hotwords": _STRING,
        "condition_on_previous_text": _FLAG | {"default": False},
        "channels": _STRING | {"enum": ["mix", "split", "tracks"], "default": "mix"},
        "audio_track": {"type": "integer", "minimum": 1},
        "vad": _FLAG | {"default": True, "description": "Skip what is not speech."},
        **CUE_SCHEMAS,
    }


def form_body(task: Task, *, required: tuple[str, ...]) -> Schema:
    """`openapi_extra` of a route that takes the transcription form."""
    fields = _form_fields(task)
    if "model" not in required:
        fields["webhook_url"] = _STRING | {"description": "Told when the job has ended."}
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


CUE_PARAMETERS: Schema = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in CUE_SCHEMAS.items()
    ]
}

RAW_BODY: Schema = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _STRING,
                "type": _STRING,
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}

JOB: Schema = {
    "type": "object",
    "required": ["id", "object", "status", "progress", "error"],
    "properties": {
        "id": _STRING,
        "object": {"const": "job"},
        "status": {"enum": ["queued", "running", "completed", "failed", "cancelled"]},
        "filename": _STRING,
        "bytes": {"type": "integer"},
        "model": _STRING,
        "created_at": _TIME,
        "started_at": _TIME,
        "finished_at": _TIME,
        "expires_at": _TIME,
        "has_audio": {"type": "boolean"},
        "language": {"type": ["string", "null"]},
        "progress": {
            "type": "object",
            "properties": {
                "windows_done": {"type": "integer"},
                "windows_planned": {"type": ["integer", "null"]},
                "seconds_done": _NUMBER,
                "seconds_total": {"type": ["number", "null"]},
                "eta_seconds": {"type": ["number", "null"]},
            },
        },
        "error": {
            "anyOf": [{"type": "null"}, ERROR["properties"]["error"]],
        },
    },
}

JOBS: Schema = {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
        "object": {"const": "list"},
        "data": {"type": "array", "items": JOB},
        "has_more": {"type": "boolean"},
    },
}


TRANSCRIPT_TYPES: Schema = {form.media_type.partition(";")[0]: {} for form in FORMATS.values()}
"""`content` of an answer that is a transcript."""


def content(schema: Schema, meaning: str, media_type: str = "application/json") -> Schema:
    """One entry of `responses`."""
    return {"description": meaning, "content": {media_type: {"schema": schema}}}
