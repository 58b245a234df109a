"""What the OpenAPI description says of bodies that no framework parses: forms, errors, jobs.

The fields of a form are those of `form_model`.
"""

from __future__ import annotations

from typing import Any

from app.http.form_model import CUE_FIELDS, describe_fields
from decoding.types import Task
from transcription.render import FORMATS

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": ["integer", "null"], "description": "Seconds since 1970."}


def form_body(task: Task, *, required: tuple[str, ...]) -> Schema:
    """`openapi_extra` of a route that takes the transcription form."""
    file = {"type": "string", "format": "binary", "description": "The recording."}
    fields: Schema = {"file": file, **describe_fields(task)}
    if "model" in required:
        del fields["webhook_url"]  # of jobs alone
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


CUE_PARAMETERS: Schema = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in describe_fields("transcribe").items()
        if name in CUE_FIELDS
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
