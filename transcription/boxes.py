"""The boxes of an MP4 or QuickTime file, walked one by one: what its tracks say of themselves.

Reads headers and a few bytes behind them, never a whole index, whose size is the uploader's choice.
Knows nothing of what the answers mean: that is sniffing's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

HEADER_BYTES = 8
LARGE_HEADER_BYTES = 16
MAX_BOXES = 10_000  # of one file
STARTS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp")
# Those of them that lie between the file and what a track says of itself.
CONTAINERS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"))
FRAGMENTED = frozenset((b"mvex", b"moof"))
DEEPEST = len(CONTAINERS)
HANDLER_OFFSET = 8  # of the kind of a track in `hdlr`: behind version, flags and component type
KIND_OFFSET = 12  # of what the first entry of a table is: behind version, flags, count and size
KIND_BYTES = 4
REFERENCE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Box:
    """`start` and `end` of its content in the file."""

    kind: bytes
    start: int
    end: int


@dataclass(slots=True)
class Track:
    """What a track says: its kind, the formats of its samples, where their bytes are.

    `reference` is the first entry of its table of files: its kind, version and flags.
    """

    kind: bytes = b""
    formats: list[bytes] = field(default_factory=list)
    reference: bytes = b""


def tracks_of(path: Path) -> list[Track]:
    """The tracks of the file; none if it is no MP4. What lies outside of a track counts as one."""
    with path.open("rb") as file:
        if not file.read(HEADER_BYTES).endswith(STARTS):
            return []
        return _tracks(file, path.stat().st_size)


def is_fragmented(path: Path) -> bool:
    """Whether the file is an MP4 in fragments, as a live recorder writes it."""
    with path.open("rb") as file:
        if not file.read(HEADER_BYTES).endswith(STARTS):
            return False
        return any(box.kind in FRAGMENTED for box in _walk(file, path.stat().st_size))


def _tracks(file: BinaryIO, size: int) -> list[Track]:
    tracks = [Track()]
    for box in _walk(file, size):
        if box.kind == b"trak":
            tracks.append(Track())
        elif box.kind == b"hdlr":
            # In QuickTime the media's handler comes first, that of its data later.
            tracks[-1].kind = tracks[-1].kind or _content(file, box, HANDLER_OFFSET, KIND_BYTES)
        elif box.kind == b"stsd":
            tracks[-1].formats.append(_content(file, box, KIND_OFFSET, KIND_BYTES))
        elif box.kind == b"dref":
            tracks[-1].reference = _content(file, box, KIND_OFFSET, REFERENCE_BYTES)
    return tracks


def _walk(file: BinaryIO, size: int) -> Iterator[Box]:
    """Every box on the way to the tables of tracks, in the order of the file, up to a number."""
    ends = [size]
    position = 0
    for _ in range(MAX_BOXES):
        while position + HEADER_BYTES > ends[-1]:
            position = ends.pop()
            if not ends:
                return
        box = _box_at(file, position, ends[-1])
        if box is None:
            position = ends[-1]  # the rest of this container cannot be read; what follows it can
            continue
        yield box
        if box.kind in CONTAINERS and len(ends) <= DEEPEST:
            ends.append(box.end)
            position = box.start
        else:
            position = box.end


def _box_at(file: BinaryIO, position: int, end: int) -> Box | None:
    """None for a box that is shorter than its own header. One that says 0 goes to the end."""
    file.seek(position)
    header = file.read(LARGE_HEADER_BYTES)
    length, header_bytes = int.from_bytes(header[:4], "big"), HEADER_BYTES
    if length == 1:
        length, header_bytes = int.from_bytes(header[8:], "big"), LARGE_HEADER_BYTES
    elif length == 0:
        length = end - position
    if length < header_bytes:
        return None
    start = position + header_bytes
    return Box(header[4:8], start, max(start, min(position + length, end)))


def _content(file: BinaryIO, box: Box, offset: int, count: int) -> bytes:
    file.seek(box.start + offset)
    return file.read(max(0, min(count, box.end - box.start - offset)))
