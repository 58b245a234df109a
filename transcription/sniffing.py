"""What a file's own bytes say before ffmpeg is asked.

Tells a damaged recording from a file that never was one, and sound that is locked or lies in
another file from sound that is here: ffmpeg decodes locked sound to noise, in which a model hears
words. What may be decoded is decided by ffmpeg's lists, not here.
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
# The first data reference of a track of sound: box header, flags; bit 0 says "in this file".
TRACK_ELSEWHERE = re.compile(
    rb"hdlr.{8}soun(?:(?!dref).){0,512}dref.{12}(?:url |urn |alis|rsrc|cios).{3}[%b]"
    % re.escape(bytes(range(0, 256, 2))),
    re.DOTALL,
)
# PCM whose format says that a sample has no bits.
PCM_WITHOUT_BITS = re.compile(rb"RIFF.{4}WAVEfmt .{4}[\x01\x03]\0.{12}\0\0", re.DOTALL)
WAV_HEADER_BYTES = 12
WAV_CHUNK_HEADER_BYTES = 8
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
    return LOCKED_TRACK.search(_mp4_index(path)) is not None


def is_elsewhere(path: Path) -> bool:
    """Whether an MP4 or QuickTime file only says in which other file its sound is."""
    return TRACK_ELSEWHERE.search(_mp4_index(path)) is not None


def is_pcm_without_bits(path: Path) -> bool:
    """Whether a WAV says that its samples have no bits."""
    with path.open("rb") as file:
        return PCM_WITHOUT_BITS.match(file.read(HEAD_BYTES)) is not None


def is_wav_without_sound(path: Path) -> bool:
    """Whether a WAV is whole and has no chunk of samples: written by who recorded nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(WAV_HEADER_BYTES)
        if not (head.startswith(b"RIFF") and head.endswith(b"WAVE")):
            return False
        position = WAV_HEADER_BYTES
        for _ in range(MAX_BOXES):
            file.seek(position)
            header = file.read(WAV_CHUNK_HEADER_BYTES)
            if len(header) < WAV_CHUNK_HEADER_BYTES or header[:4] == b"data":
                break
            position += WAV_CHUNK_HEADER_BYTES + int.from_bytes(header[4:], "little")
            position += position % 2
    return position > WAV_HEADER_BYTES and header == b"" and position - size in {0, 1}


def _mp4_index(path: Path) -> bytes:
    """The `moov` box of an MP4, wherever it stands, or nothing."""
    with path.open("rb") as file:
        return _find_index(file, path.stat().st_size)


def _find_index(file: BinaryIO, size: int) -> bytes:
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
