"""Finished transcripts as bodies of answers. Renders; fetches and decides nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
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
from transcription.render import FORMATS, Look, json_parts, render_parts
from transcription.types import Transcript

SMALLEST_PROBABILITY = 1e-10
BLOCK_CHARACTERS = 1 << 16


def body_of(transcript: Transcript, asked: Asked) -> Iterator[bytes]:
    """The answer in the format that was asked for, in blocks: of hours of speech there is much."""
    block: list[str] = []
    length = 0
    for part in _parts_of(transcript, asked):
        block.append(part)
        length += len(part)
        if length >= BLOCK_CHARACTERS:
            yield "".join(block).encode()
            block, length = [], 0
    yield "".join(block).encode()


def begun(transcript: Transcript, asked: Asked) -> bytes | Iterator[bytes]:
    """The whole body if it is one block; all its blocks, the first of them made, if they are more.

    What cannot be rendered is told before an answer has begun, and a short one has a length.
    """
    blocks = body_of(transcript, asked)
    first = tuple(islice(blocks, 2))
    return first[0] if len(first) == 1 else chain(first, blocks)


def _parts_of(transcript: Transcript, asked: Asked) -> Iterator[str]:
    if asked.wants_logprobs:
        document = json_document(transcript) | {"logprobs": logprobs_of(transcript.words)}
        return json_parts(document)
    if asked.response_format == "diarized_json":
        return json_parts(_with_names(diarized_document(transcript), asked))
    return render_parts(
        transcript, asked.response_format, Look(tuple(asked.granularities), asked.cues)
    )


def logprobs_of(words: Iterable[Word]) -> Iterator[dict[str, Any]]:
    """One entry per word: our probabilities are those of words."""
    return (
        {
            "token": word.text,
            "logprob": round(math.log(max(word.probability, SMALLEST_PROBABILITY)), 6),
            "bytes": list(word.text.encode()),
        }
        for word in words
    )


def event_segment(segment: Segment) -> dict[str, Any]:
    """A segment with its words, for those who watch a job."""
    return segment_document(segment) | {"words": list(words_document([segment]))}


class GrowingText:
    """A text that grows by segments; white space waits until a word follows it."""

    def __init__(self) -> None:
        self._deltas: list[str] = []
        self._held = ""

    @property
    def text(self) -> str:
        return "".join(self._deltas)

    def add(self, more: str) -> str:
        """What `more` appends; all that was appended makes up `text`, which ends as the whole."""
        text = self._held + more
        if not self._deltas:
            text = text.lstrip()
        delta = text.rstrip()
        self._held = text[len(delta) :]
        if delta:
            self._deltas.append(delta)
        return delta


def speaker_events(transcript: Transcript, asked: Asked) -> Iterator[dict[str, Any]]:
    """The stream of diarized_json: the text that a segment appends, then the segment itself."""
    sent = GrowingText()
    documents = _with_names(diarized_document(transcript), asked)["segments"]
    for segment, document in zip(transcript.segments, documents, strict=True):
        if delta := sent.add(segment.text):
            kind = "transcript.text.delta"
            yield {"type": kind, "delta": delta, "segment_id": document["id"]}
        yield document


def done_event(transcript: Transcript, asked: Asked) -> dict[str, Any]:
    """The last event of a stream."""
    event: dict[str, Any] = {
        "type": "transcript.text.done",
        "text": transcript.text,
        "languages": languages_document(transcript),
        "usage": token_usage_document(transcript),
    }
    if asked.wants_logprobs:
        event["logprobs"] = list(logprobs_of(transcript.words))
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
    named = (
        segment | {"speaker": names.get(segment["speaker"], segment["speaker"])}
        for segment in document["segments"]
    )
    return document | {"segments": named}
