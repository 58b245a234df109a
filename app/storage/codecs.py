"""Our frozen values as JSON bytes and back, for the database. Floats survive bit for bit."""

from __future__ import annotations

import zlib
from dataclasses import replace

from pydantic import ConfigDict, TypeAdapter

from chunking.types import Piece, Segment
from transcription.options import TranscriptionOptions
from transcription.types import Transcript

# Figures of an engine may be NaN; in a tuple, because a dataclass's adapter takes no settings.
_NAN_IS_KEPT = ConfigDict(ser_json_inf_nan="constants")
_PIECES: TypeAdapter[tuple[Piece, ...]] = TypeAdapter(tuple[Piece, ...], config=_NAN_IS_KEPT)
_TRANSCRIPT: TypeAdapter[tuple[Transcript]] = TypeAdapter(tuple[Transcript], config=_NAN_IS_KEPT)
_SEGMENTS: TypeAdapter[tuple[Segment, ...]] = TypeAdapter(tuple[Segment, ...], config=_NAN_IS_KEPT)
_OPTIONS = TypeAdapter(TranscriptionOptions)


def encode_pieces(pieces: tuple[Piece, ...]) -> bytes:
    return zlib.compress(_PIECES.dump_json(pieces))


def decode_pieces(stored: bytes) -> tuple[Piece, ...]:
    return _PIECES.validate_json(zlib.decompress(stored))


def encode_transcript(transcript: Transcript) -> bytes:
    """Words are written once, with their segments: hours of speech have a hundred thousand."""
    return zlib.compress(_TRANSCRIPT.dump_json((replace(transcript, words=()),)))


def decode_transcript(stored: bytes) -> Transcript:
    """Also what releases wrote that kept the words twice."""
    transcript = _TRANSCRIPT.validate_json(zlib.decompress(stored))[0]
    words = tuple(word for segment in transcript.segments for word in segment.words)
    return replace(transcript, words=words)


def encode_options(options: TranscriptionOptions) -> str:
    return _OPTIONS.dump_json(options).decode()


def decode_options(stored: str) -> TranscriptionOptions:
    return _OPTIONS.validate_json(stored)


def encode_segment(segment: Segment) -> str:
    return _SEGMENTS.dump_json((segment,)).decode()


def decode_segment(stored: str) -> Segment:
    return _SEGMENTS.validate_json(stored)[0]
