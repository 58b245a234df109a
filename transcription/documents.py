"""The JSON shapes of a transcript: OpenAI's objects to the letter, our additions as extra keys.

Official clients keep keys that they do not know, so `coverage`, `probability` and `channel` are
safe there. Segments and words, of which there may be a hundred thousand, are iterators. Nothing
here is text yet; `transcription.render` makes it so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, get_args

from chunking.types import Redecoded, SeamStatus, Segment, Span, Word
from transcription.language_names import language_name
from transcription.types import Transcript

Granularity = Literal["segment", "word"]
Document = dict[str, Any]

FRAMES_PER_SECOND = 100  # of Whisper's spectrogram; `seek` counts them
AUDIO_TOKENS_PER_SECOND = 50  # vectors that the encoder makes of sound
TIME_DIGITS = 3
FIGURE_DIGITS = 6


def json_document(transcript: Transcript) -> Document:
    """Format json: the text, its languages and what was used."""
    return {
        "text": transcript.text,
        "languages": languages_document(transcript),
        "usage": usage_document(transcript.duration),
        "coverage": coverage_document(transcript),
    }


def verbose_document(
    transcript: Transcript, granularities: Sequence[Granularity] = ("segment",)
) -> Document:
    """Format verbose_json; words stand at the top level, segments go when only words are asked."""
    language = "en" if transcript.task == "translate" else transcript.language
    document: Document = {
        "task": transcript.task,
        "language": language_name(language),
        "duration": _seconds(transcript.duration),
        "text": transcript.text,
    }
    if "segment" in granularities:
        document["segments"] = map(segment_document, transcript.segments)
    if "word" in granularities:
        document["words"] = words_document(transcript.segments)
    document["usage"] = usage_document(transcript.duration)
    document["coverage"] = coverage_document(transcript)
    return document


def diarized_document(transcript: Transcript) -> Document:
    """Format diarized_json: who speaks is the channel, `A` for the first."""
    return {
        "task": transcript.task,
        "duration": _seconds(transcript.duration),
        "text": transcript.text,
        "segments": (
            {
                "type": "transcript.text.segment",
                "id": f"seg_{segment.id}",
                **_times(segment),
                "text": segment.text.strip(),
                "speaker": speaker(segment.channel),
            }
            for segment in transcript.segments
        ),
        "usage": usage_document(transcript.duration),
        "coverage": coverage_document(transcript),
    }


def segment_document(segment: Segment) -> Document:
    """One segment of verbose_json; the text keeps its leading space."""
    document: Document = {
        "id": segment.id,
        "seek": round(segment.start * FRAMES_PER_SECOND),
        **_times(segment),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": _figure(segment.temperature),
        "avg_logprob": _figure(segment.avg_logprob),
        "compression_ratio": _figure(segment.compression_ratio),
        "no_speech_prob": _figure(segment.no_speech_prob),
        "language": segment.language,
    }
    return document | _channel(segment)


def words_document(segments: Iterable[Segment]) -> Iterator[Document]:
    """Words in order, without the space before them."""
    return (
        {
            "word": word.text.strip(),
            **_times(word),
            "probability": _figure(word.probability),
            **_channel(segment),
        }
        for segment in segments
        for word in segment.words
    )


def usage_document(duration: float) -> Document:
    """What the request is counted as: whole seconds, begun ones included."""
    return {"type": "duration", "seconds": math.ceil(duration)}


def token_usage_document(transcript: Transcript) -> Document:
    """The same counted in tokens, the only shape that OpenAI's streams know. A prompt is free."""
    heard = math.ceil(transcript.duration * AUDIO_TOKENS_PER_SECOND)
    written = sum(len(word.tokens) for word in transcript.words)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
        "output_tokens": written,
        "total_tokens": heard + written,
    }


def languages_document(transcript: Transcript) -> list[Document]:
    """The languages that the words are in, that of most words first; none where nothing is said."""
    votes: Counter[str] = Counter()
    for segment in transcript.segments:
        votes[segment.language] += len(segment.words)
    return [{"code": code} for code, words in votes.most_common() if words]


def coverage_document(transcript: Transcript) -> Document:
    """What is certain and what is not; stretches are {start, end} in seconds."""
    coverage = transcript.coverage
    return {
        "windows": transcript.windows,
        "warnings": list(transcript.warnings),
        "speech_seconds": _seconds(coverage.speech_seconds),
        "uncovered_seconds": _seconds(coverage.uncovered_seconds),
        "uncovered": _stretches(coverage.uncovered),
        "doubtful": _stretches(coverage.doubtful),
        "seams": {status: coverage.seams_with(status) for status in get_args(SeamStatus)},
        "uncertain_seams": [
            _seconds(seam.time) for seam in coverage.seams if seam.status == "uncertain"
        ],
        "redecoded": [
            {
                "window": entry.window,
                **_times(entry),
                "reason": entry.reason,
                "words": entry.words,
            }
            for entry in coverage.redecoded
        ],
        "truncated": _stretches(coverage.truncated),
    }


def speaker(channel: int | None) -> str:
    """Letter of a channel: `A` for the first, and for sound that was not split."""
    return chr(ord("A") + (channel or 0))


def _stretches(spans: Iterable[Span]) -> list[Document]:
    return [_times(span) for span in spans]


def _times(stretch: Redecoded | Segment | Span | Word) -> Document:
    return {"start": _seconds(stretch.start), "end": _seconds(stretch.end)}


def _channel(segment: Segment) -> Document:
    return {} if segment.channel is None else {"channel": segment.channel}


def _seconds(value: float) -> float:
    return round(float(value), TIME_DIGITS)


def _figure(value: float) -> float | None:
    """A figure of quality; JSON has no infinity, so what is not a number is not known."""
    return round(float(value), FIGURE_DIGITS) if math.isfinite(value) else None
