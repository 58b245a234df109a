"""Our frozen values as JSON bytes and back, for the database. Floats survive bit for bit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace

from pydantic import ConfigDict, TypeAdapter

from chunking.packed import Packed
from chunking.text.segments import SEGMENTS_PACKED
from chunking.types import Piece, Segment
from transcription.options import TranscriptionOptions
from transcription.types import Transcript

# Figures of an engine may be NaN; in a tuple, because a dataclass's adapter takes no settings.
_NAN_IS_KEPT = ConfigDict(ser_json_inf_nan="constants")
_PIECES: TypeAdapter[tuple[Piece, ...]] = TypeAdapter(tuple[Piece, ...], config=_NAN_IS_KEPT)
_TRANSCRIPT: TypeAdapter[tuple[Transcript]] = TypeAdapter(tuple[Transcript], config=_NAN_IS_KEPT)
_SEGMENTS: TypeAdapter[tuple[Segment, ...]] = TypeAdapter(tuple[Segment, ...], config=_NAN_IS_KEPT)
_NO_SEGMENTS = b'"segments":[]'
_FIRST_LINE_END = b'"segments":['
_READ_BYTES = 1 << 14
_OPTIONS = TypeAdapter(TranscriptionOptions)


def encode_pieces(pieces: tuple[Piece, ...]) -> bytes:
    return zlib.compress(_PIECES.dump_json(pieces))


def decode_pieces(stored: bytes) -> tuple[Piece, ...]:
    pieces = _PIECES.validate_json(zlib.decompress(stored))
    return tuple(replace(piece, words=tuple(piece.words)) for piece in pieces)


def encode_transcript(transcript: Transcript) -> bytes:
    """JSON with a segment on each line, which no more than one of is ever held as text.

    The list of all words is for releases that expect one.
    """
    bare = _TRANSCRIPT.dump_json((replace(transcript, segments=()),))
    head, tail = bare.split(_NO_SEGMENTS, 1)
    packer = zlib.compressobj()
    parts = [packer.compress(head + b'"words":[],' + _FIRST_LINE_END)]
    for number, segment in enumerate(transcript.segments):
        text = encode_segment(segment).encode()[1:-1]
        parts.append(packer.compress((b",\n" if number else b"\n") + text))
    parts += packer.compress(b"\n]" + tail), packer.flush()
    return b"".join(parts)


def decode_transcript(stored: bytes) -> Transcript:
    """Its segments are packed. Also what releases wrote on one line, and with the words twice."""
    lines = _lines_of(stored)
    head = next(lines)
    if not head.endswith(_FIRST_LINE_END):
        whole = _TRANSCRIPT.validate_json(head)[0]
        return replace(whole, segments=Packed(whole.segments, block=SEGMENTS_PACKED))
    segments: Packed[Segment] = Packed(block=SEGMENTS_PACKED)
    tail = next(lines)
    while not tail.startswith(b"]"):
        segments.append(_SEGMENTS.validate_json(b"[" + tail.removesuffix(b",") + b"]")[0])
        tail = next(lines)
    return replace(_TRANSCRIPT.validate_json(head + tail)[0], segments=segments)


def _lines_of(stored: bytes) -> Iterator[bytes]:
    """The lines of compressed text; JSON has no line break within a value."""
    unpacker = zlib.decompressobj()
    begun: list[bytes] = []
    for first in range(0, len(stored), _READ_BYTES):
        *ends, rest = unpacker.decompress(stored[first : first + _READ_BYTES]).split(b"\n")
        for end in ends:
            yield b"".join((*begun, end))
            begun.clear()
        begun.append(rest)
    yield b"".join(begun)


def encode_options(options: TranscriptionOptions) -> str:
    return _OPTIONS.dump_json(options).decode()


def decode_options(stored: str) -> TranscriptionOptions:
    return _OPTIONS.validate_json(stored)


def encode_segment(segment: Segment) -> str:
    return _SEGMENTS.dump_json((segment,)).decode()


def decode_segment(stored: str) -> Segment:
    return _SEGMENTS.validate_json(stored)[0]
