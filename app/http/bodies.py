"""Finished transcripts as bodies of answers. Renders; fetches and decides nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from app.http.forms import Asked
from chunking.types import Segment, Word
from transcription.documents import (
    diarized_document,
    json_document,
    languages_document,
    segment_document,
    token_usage_document,
    words_document,
)
from transcription.render import FORMATS, render
from transcription.types import Transcript

SMALLEST_PROBABILITY = 1e-10


def body_of(transcript: Transcript, asked: Asked) -> bytes:
    """The whole answer in the format that was asked for."""
    if asked.wants_logprobs:
        document = json_document(transcript) | {"logprobs": logprobs_of(transcript.words)}
        return _dump(document)
    if asked.response_format == "diarized_json":
        return _dump(_with_names(diarized_document(transcript), asked))
    form, granularities = asked.response_format, asked.granularities
    return render(transcript, form, granularities=granularities, cues=asked.cues).encode()


def logprobs_of(words: Iterable[Word]) -> list[dict[str, Any]]:
    """One entry per word: our probabilities are those of words."""
    return [
        {
            "token": word.text,
            "logprob": round(math.log(max(word.probability, SMALLEST_PROBABILITY)), 6),
            "bytes": list(word.text.encode()),
        }
        for word in words
    ]


def event_segment(segment: Segment) -> dict[str, Any]:
    """A segment with its words, for those who watch a job."""
    return segment_document(segment) | {"words": words_document([segment])}


class GrowingText:
    """A text that grows by segments; white space waits until a word follows it."""

    def __init__(self) -> None:
        self.text = ""
        self._held = ""

    def add(self, more: str) -> str:
        """What `more` appends; all that was appended makes up `text`, which ends as the whole."""
        text = (self.text + self._held + more).lstrip()
        spoken = text.rstrip()
        self._held = text[len(spoken) :]
        delta = spoken[len(self.text) :]
        self.text = spoken
        return delta


def speaker_events(transcript: Transcript, asked: Asked) -> list[dict[str, Any]]:
    """The stream of diarized_json: the text that a segment appends, then the segment itself."""
    sent = GrowingText()
    events: list[dict[str, Any]] = []
    documents = _with_names(diarized_document(transcript), asked)["segments"]
    for segment, document in zip(transcript.segments, documents, strict=True):
        if delta := sent.add(segment.text):
            kind = "transcript.text.delta"
            events.append({"type": kind, "delta": delta, "segment_id": document["id"]})
        events.append(document)
    return events


def done_event(transcript: Transcript, asked: Asked) -> dict[str, Any]:
    """The last event of a stream."""
    event: dict[str, Any] = {
        "type": "transcript.text.done",
        "text": transcript.text,
        "languages": languages_document(transcript),
        "usage": token_usage_document(transcript),
    }
    if asked.wants_logprobs:
        event["logprobs"] = logprobs_of(transcript.words)
    return event


def download_headers(file_name: str, response_format: str) -> dict[str, str]:
    """Make a browser save the transcript under the recording's name, never show it."""
    stem = file_name.rpartition(".")[0] or file_name
    name = f"{stem}.{FORMATS[response_format].suffix}"
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": disposition, "Cache-Control": "no-store"}


def _with_names(document: dict[str, Any], asked: Asked) -> dict[str, Any]:
    """Letters of channels replaced by the names that the caller knows."""
    names = {chr(ord("A") + channel): name for channel, name in enumerate(asked.speakers)}
    for segment in document["segments"]:
        segment["speaker"] = names.get(segment["speaker"], segment["speaker"])
    return document


def _dump(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode()
