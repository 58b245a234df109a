"""The formats of a transcript, all that is known of each in one table. Decides nothing about words.

A new format is one more entry of `FORMATS`: service, description, downloads and command line take
it from here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be seen: `granularities` matter to verbose_json alone, `cues` to subtitles."""

    granularities: tuple[Granularity, ...] = ("segment",)
    cues: CueOptions | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """A format by the `name` that requests give it; `suffix` is that of its files, without a dot.

    `is_streamable`: may be sent while it grows. `has_cues`: takes the options of subtitles.
    `has_speakers`: tells speakers apart by their channel, so a transcript must have channels.
    """

    name: str
    media_type: str
    suffix: str
    to_parts: Callable[[Transcript, Look], Iterator[str]]
    is_streamable: bool = False
    has_cues: bool = False
    has_speakers: bool = False

    @property
    def is_json(self) -> bool:
        return self.media_type == JSON


def json_parts(document: Document) -> Iterator[str]:
    """JSON of `document`, not empty, bit by bit, and a line break; its iterators become lists."""
    before = "{"
    for name, value in document.items():
        yield f"{before}{_json(name)}: "
        if isinstance(value, Iterator):
            yield "["
            for number, entry in enumerate(value):
                yield f"{', ' if number else ''}{_json(entry)}"
            yield "]"
        else:
            yield _json(value)
        before = ", "
    yield "}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _text_parts(transcript: Transcript) -> Iterator[str]:
    yield transcript.text
    yield "\n"


_TABLE = (
    Format(
        "json", JSON, "json", lambda whole, _: json_parts(json_document(whole)), is_streamable=True
    ),
    Format("text", TEXT, "txt", lambda whole, _: _text_parts(whole), is_streamable=True),
    Format("srt", TEXT, "srt", lambda whole, look: to_srt(whole, look.cues), has_cues=True),
    Format("vtt", TEXT, "vtt", lambda whole, look: to_vtt(whole, look.cues), has_cues=True),
    Format(
        "verbose_json",
        JSON,
        "json",
        lambda whole, look: json_parts(verbose_document(whole, look.granularities)),
    ),
    Format(
        "diarized_json",
        JSON,
        "json",
        lambda whole, _: json_parts(diarized_document(whole)),
        is_streamable=True,
        has_speakers=True,
    ),
    Format("tsv", TEXT, "tsv", lambda whole, _: to_tsv(whole)),
)
FORMATS = {entry.name: entry for entry in _TABLE}
RESPONSE_FORMATS = tuple(FORMATS)
STREAMABLE = tuple(entry.name for entry in _TABLE if entry.is_streamable)
SUBTITLES = tuple(entry.name for entry in _TABLE if entry.has_cues)


def render(
    transcript: Transcript,
    response_format: str,
    *,
    granularities: Sequence[Granularity] = ("segment",),
    cues: CueOptions | None = None,
) -> str:
    """The transcript as text. Raises ValueError for a format that is not one of `FORMATS`."""
    look = Look(tuple(granularities), cues)
    return "".join(render_parts(transcript, response_format, look))


def render_parts(transcript: Transcript, response_format: str, look: Look) -> Iterator[str]:
    """The same bit by bit, so that no more than a little of it is in memory."""
    chosen = FORMATS.get(response_format)
    if chosen is None:
        known = ", ".join(RESPONSE_FORMATS)
        raise ValueError(f"response_format must be one of {known}, got {response_format!r}")
    return chosen.to_parts(transcript, look)
