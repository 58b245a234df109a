"""Indexes of MP4 files that are made to cost time: what is read of them does not grow with them.

What is not read is not searched either, and a search would hold the lock of the whole service.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from transcription.sniffing import is_elsewhere, is_locked

MIB = 1 << 20
BOMB = b"hdlr" + bytes(8) + b"soun" + bytes(496)


@pytest.mark.parametrize(
    "index",
    [BOMB * (16 * MIB // len(BOMB)), struct.pack(">I4s", 16 * MIB, b"trak") + BOMB * 32_000],
    ids=["in a box", "in a track"],
)
def test_a_large_index_is_walked_not_searched(tmp_path: Path, index: bytes):
    path = tmp_path / "bomb.mp4"
    path.write_bytes(b"\0\0\0\x0cftypM4A " + struct.pack(">I4s", 8 + len(index), b"moov") + index)
    before = bytes_read()
    assert not is_elsewhere(path)
    assert not is_locked(path)
    assert bytes_read() - before < MIB


def bytes_read() -> int:
    """Bytes that this process has read so far."""
    return int(Path("/proc/self/io").read_text().split()[1])
