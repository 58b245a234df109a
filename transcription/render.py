"""A transcript in the format that was asked for. Decides nothing about the words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, get_args

from chunking.options import CueOptions
from transcription.documents import (
    Document,
    Granularity,
    diarized_document,
    json_document,
    verbose_document,
)
from transcription.subtitles import to_srt, to_tsv, to_vtt
from transcription.types import Transcript

ResponseFormat = Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json", "tsv"]
RESPONSE_FORMATS: tuple[str, ...] = get_args(ResponseFormat)


def render(
    transcript: Transcript,
    response_format: str,
    *,
    granularities: Sequence[Granularity] = ("segment",),
    cues: CueOptions | None = None,
) -> str:
    """The transcript as text; `granularities` matter to verbose_json alone, `cues` to subtitles.

    Raises ValueError for a format that is not one of `RESPONSE_FORMATS`.
    """
    match response_format:
        case "text":
            return f"{transcript.text}\n"
        case "srt":
            return to_srt(transcript, cues)
        case "vtt":
            return to_vtt(transcript, cues)
        case "tsv":
            return to_tsv(transcript)
        case "json":
            return _dump(json_document(transcript))
        case "verbose_json":
            return _dump(verbose_document(transcript, granularities))
        case "diarized_json":
            return _dump(diarized_document(transcript))
        case _:
            known = ", ".join(RESPONSE_FORMATS)
            raise ValueError(f"response_format must be one of {known}, got {response_format!r}")


def _dump(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"
