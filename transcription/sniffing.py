"""What a file's own bytes say before ffmpeg is asked.

Tells a damaged recording from a file that never was one, and sound that is locked or lies in
another file from sound that is here: ffmpeg decodes locked sound to noise, in which a model hears
words. What may be decoded is decided by ffmpeg's lists, not here.
"""

from __future__ import annotations

import re
from pathlib import Path

from transcription.boxes import REFERENCE_BYTES, tracks_of

HEAD_BYTES = 64
MAX_CHUNKS = 10_000
LOCKED_FORMATS = {b"enca", b"drms"}
# What a track's first reference to a file may be: an address, a name, an alias.
REFERENCES = (b"url ", b"urn ", b"alis", b"rsrc", b"cios")
IN_THIS_FILE = 1  # bit of a reference's flags
# PCM whose format says that a sample has no bits.
PCM_WITHOUT_BITS = re.compile(rb"RIFF.{4}WAVEfmt .{4}[\x01\x03]\0.{12}\0\0", re.DOTALL)
FLAC_START = b"fLaC\0\0\0\x22"  # and its first block, of stream information, as long as ever
FLAC_RATE_OFFSET = 18  # 20 bits, then 8 bits of channels and depth, then 36 of samples
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


def is_sound_container(path: Path) -> bool:
    """Whether the file starts as a container of sound does."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return any(
        all(head.startswith(magic, offset) for offset, magic in marks) for marks in SOUND_CONTAINERS
    )


def is_locked(path: Path) -> bool:
    """Whether an MP4 says that its sound is encrypted (CENC or iTunes)."""
    return any(LOCKED_FORMATS.intersection(track.formats) for track in tracks_of(path))


def is_elsewhere(path: Path) -> bool:
    """Whether an MP4 or QuickTime file only says in which other file its sound is."""
    return any(
        track.kind == b"soun"
        and track.reference.startswith(REFERENCES)
        and len(track.reference) == REFERENCE_BYTES
        and not track.reference[-1] & IN_THIS_FILE
        for track in tracks_of(path)
    )


def is_dictation(path: Path) -> bool:
    """Whether the file is a dictation in DSS Pro, whose codec nobody but its maker has."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)[1:4] == b"ds2"


def is_pcm_without_bits(path: Path) -> bool:
    """Whether a WAV says that its samples have no bits."""
    with path.open("rb") as file:
        return PCM_WITHOUT_BITS.match(file.read(HEAD_BYTES)) is not None


def claimed_seconds(path: Path) -> float | None:
    """How long a FLAC file says that it is; None if it does not say. Encoders know it or say 0."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.startswith(FLAC_START):
        return None
    packed = int.from_bytes(head[FLAC_RATE_OFFSET : FLAC_RATE_OFFSET + 8], "big")
    rate, samples = packed >> 44, packed & ((1 << 36) - 1)
    return samples / rate if rate and samples else None


def is_wav_without_sound(path: Path) -> bool:
    """Whether a WAV is whole and has no chunk of samples: written by who recorded nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(WAV_HEADER_BYTES)
        if not (head.startswith(b"RIFF") and head.endswith(b"WAVE")):
            return False
        position = WAV_HEADER_BYTES
        for _ in range(MAX_CHUNKS):
            file.seek(position)
            header = file.read(WAV_CHUNK_HEADER_BYTES)
            if len(header) < WAV_CHUNK_HEADER_BYTES or header[:4] == b"data":
                break
            position += WAV_CHUNK_HEADER_BYTES + int.from_bytes(header[4:], "little")
            position += position % 2
    return position > WAV_HEADER_BYTES and header == b"" and position - size in {0, 1}
