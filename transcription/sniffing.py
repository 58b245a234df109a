"""What a file's own bytes say before ffmpeg is asked.

Tells a damaged recording from a file that never was one, and sound that is locked from sound that
is not: ffmpeg decodes locked sound to noise, in which a model hears words. What may be decoded is
decided by ffmpeg's lists, not here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

HEAD_BYTES = 64
BOX_HEADER_BYTES = 8
LARGE_BOX_HEADER_BYTES = 16
MAX_BOXES = 10_000
MAX_INDEX_BYTES = 64 << 20
# The first sample description of a track: box header, version, count, size, then the format.
LOCKED_TRACK = re.compile(rb"stsd.{12}(?:enca|drms)", re.DOTALL)
# (offset, bytes) that must all be there
SOUND_CONTAINERS: tuple[tuple[tuple[int, bytes], ...], ...] = (
    ((0, b"RIFF"), (8, b"WAVE")),
    ((0, b"RF64"), (8, b"WAVE")),
    ((0, b"riff\x2e\x91\xcf\x11"),),
    ((0, b"FORM"), (8, b"AIF")),
    ((0, b".snd"),),
    ((0, b"caff"),),
    ((0, b"fLaC"),),
    ((0, b"OggS"),),
    ((0, b"ID3"),),
    ((0, b"#!AMR"),),
    ((0, b"\x1a\x45\xdf\xa3"),),
    ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),),
    ((4, b"ftyp"),),
    ((4, b"moov"),),
    ((4, b"mdat"),),
    ((0, b"wvpk"),),
    ((0, b"MAC "),),
    ((0, b"TTA1"),),
    ((0, b"FLV\x01"),),
)
MP4_STARTS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp")


def is_sound_container(path: Path) -> bool:
    """Whether the file starts as a container of sound does."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return any(
        all(head.startswith(magic, offset) for offset, magic in marks) for marks in SOUND_CONTAINERS
    )


def is_locked(path: Path) -> bool:
    """Whether an MP4 says that its sound is encrypted (CENC or iTunes)."""
    with path.open("rb") as file:
        index = _mp4_index(file, path.stat().st_size)
    return LOCKED_TRACK.search(index) is not None


def _mp4_index(file: BinaryIO, size: int) -> bytes:
    """The `moov` box of an MP4, wherever it stands, or nothing."""
    position = 0
    for _ in range(MAX_BOXES):
        file.seek(position)
        header = file.read(LARGE_BOX_HEADER_BYTES)
        if len(header) < BOX_HEADER_BYTES or (position == 0 and header[4:8] not in MP4_STARTS):
            return b""
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if header[4:8] == b"moov":
            file.seek(position)
            return file.read(min(length or size, MAX_INDEX_BYTES))
        if length < BOX_HEADER_BYTES:
            return b""
        position += length
    return b""
