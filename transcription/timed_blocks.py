"""Samples with their times, as ffmpeg writes them into a pipe: the container SMJPEG, taken apart.

Of all containers that ffmpeg writes it is the plainest that says when each block of samples is
due: twelve bytes before it. Knows nothing of what the times mean: that is `player_clock`'s.
"""

from __future__ import annotations

import struct

MUXER = "smjpeg"
MAGIC = b"\0\x0aSMJPEG"
HEAD_BYTES = len(MAGIC) + 8  # and its version and the length, which a pipe cannot know
CHUNK = struct.Struct(">4sI")
BLOCK = struct.Struct(">4siI")
MAX_HEAD_BYTES = 4096
MAX_BLOCK_BYTES = 1 << 26  # one of ffmpeg's has the samples of a packet; the largest is FLAC's


class NotBlocks(ValueError):
    """The bytes are not what ffmpeg writes."""


class TimedBlocks:
    """Takes the bytes in pieces of any size and gives the blocks that are whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_in_head = True

    def feed(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """(when it is due in milliseconds, samples) of every block that `chunk` completes.

        Raises NotBlocks."""
        found = self._rest + chunk
        start = 0
        if self._is_in_head:
            start = _end_of_head(found)
            self._is_in_head = start == 0
        blocks = []
        while not self._is_in_head and start + BLOCK.size <= len(found):
            tag, due, size = BLOCK.unpack_from(found, start)
            if tag != b"sndD":
                raise NotBlocks(f"a block begins with {tag!r}")
            if size > MAX_BLOCK_BYTES:
                raise NotBlocks(f"a block of {size} bytes")
            end = start + BLOCK.size + size
            if end > len(found):
                break
            blocks.append((due, found[start + BLOCK.size : end]))
            start = end
        self._rest = found[start:]
        return blocks


def _end_of_head(found: bytes) -> int:
    """Where the first block begins; 0 if that is still to come."""
    if not found.startswith(MAGIC[: len(found)]) or len(found) > MAX_HEAD_BYTES + MAX_BLOCK_BYTES:
        raise NotBlocks("it does not begin as SMJPEG does")
    at = HEAD_BYTES
    while at + CHUNK.size <= len(found):
        tag, size = CHUNK.unpack_from(found, at)
        if tag == b"HEND":
            return at + len(b"HEND")
        at += CHUNK.size + size
        if at > MAX_HEAD_BYTES:
            raise NotBlocks(f"its head has more than {MAX_HEAD_BYTES} bytes")
    return 0
