"""The output of a run in pieces: large, and cut where ffmpeg first complained."""

import pytest

from transcription.decoder_runs import PIECE_BYTES, read_pieces
from transcription.errors import CorruptAudio
from transcription.ffmpeg import ChildStuck


class Pipe:
    """What a child gives when it is read: bytes, a complaint before some, or nothing for long."""

    def __init__(self, *chunks: bytes, complains_before: int | None = None, is_stuck: bool = False):
        self._chunks = list(chunks)
        self._complains_before = complains_before
        self._is_stuck = is_stuck
        self._given = 0
        self.has_complained = False

    def read(self) -> bytes:
        if self._given == self._complains_before:
            self.has_complained = True
        if self._given == len(self._chunks):
            if self._is_stuck:
                raise ChildStuck("nothing came")
            return b""
        self._given += 1
        return self._chunks[self._given - 1]


def test_pieces_are_large_and_lose_nothing():
    chunks = [bytes([number]) * 32_768 for number in range(100)]
    pieces = list(read_pieces(Pipe(*chunks)))
    assert b"".join(pieces) == b"".join(chunks)
    assert {len(piece) for piece in pieces[:-1]} == {PIECE_BYTES}


def test_a_chunk_larger_than_a_piece_is_a_piece():
    chunks = [b"a", b"b" * (PIECE_BYTES + 1), b"c"]
    assert list(read_pieces(Pipe(*chunks))) == chunks


def test_nothing_gives_no_piece():
    assert list(read_pieces(Pipe())) == []


def test_the_first_complaint_ends_a_piece():
    """So that the place of damage is known to what the pipe held, not to a whole piece."""
    pipe = Pipe(b"a", b"b", b"c", b"d", complains_before=2)
    pieces = []
    for piece in read_pieces(pipe):
        pieces.append((piece, pipe.has_complained))
    assert pieces == [(b"ab", True), (b"cd", True)]


def test_a_child_that_stands_still_is_the_files_fault():
    pipe = Pipe(b"a", is_stuck=True)
    with pytest.raises(CorruptAudio, match="too long"):
        list(read_pieces(pipe))
