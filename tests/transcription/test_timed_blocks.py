import struct

import pytest

from transcription.timed_blocks import MAX_BLOCK_BYTES, NotBlocks, TimedBlocks

HEAD = b"\0\x0aSMJPEG" + bytes(8) + b"_SND" + struct.pack(">I", 8) + bytes(8) + b"HEND"
BLOCKS = [(0, b"ab" * 10), (40, b""), (-7, b"cd" * 300), (1 << 30, b"e" * 2)]


def packed(due, sound):
    return struct.pack(">4siI", b"sndD", due, len(sound)) + sound


STREAM = HEAD + b"".join(packed(*block) for block in BLOCKS) + b"DONE"


@pytest.mark.parametrize("step", [1, 3, 16, 100, len(STREAM)])
def test_blocks_come_back_however_the_bytes_are_cut(step):
    parser = TimedBlocks()
    pieces = [STREAM[start : start + step] for start in range(0, len(STREAM), step)]
    assert [block for piece in pieces for block in parser.feed(piece)] == BLOCKS


@pytest.mark.parametrize(
    "stream",
    [
        b"RIFF" + bytes(40),
        b"\0\x0aSMJPEG" + bytes(8) + b"_TXT" + struct.pack(">I", 1 << 30) + bytes(40),
        HEAD + b"vidD" + bytes(40),
        HEAD + struct.pack(">4siI", b"sndD", 0, MAX_BLOCK_BYTES + 1),
    ],
)
def test_other_bytes_are_refused(stream):
    with pytest.raises(NotBlocks):
        TimedBlocks().feed(stream)


def test_a_head_that_never_ends_is_not_kept():
    text = b"_TXT" + struct.pack(">I", 100) + bytes(100)
    with pytest.raises(NotBlocks, match="head"):
        TimedBlocks().feed(HEAD[:16] + text * 100)
