"""What is stored comes back as it was, also from folders of earlier releases."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from app.storage.codecs import decode_transcript, encode_transcript
from tests.app.planted import PlantedDecoder, transcribe_plainly, wav
from transcription.options import TranscriptionOptions
from transcription.types import Transcript
from transcription.window_decoder import EngineWindowDecoder


@pytest.fixture
def transcript(tmp_path: Path) -> Transcript:
    (tmp_path / "upload").write_bytes(wav(100, seed=3))
    decoder = PlantedDecoder()
    try:
        windows = EngineWindowDecoder(decoder, group="one", caller="")
        options = TranscriptionOptions()
        return transcribe_plainly(tmp_path / "upload", options, windows, workspace=tmp_path)
    finally:
        decoder.close()


def test_a_transcript_comes_back_as_it_was(transcript: Transcript):
    assert len(list(transcript.words)) == 16
    assert decode_transcript(encode_transcript(transcript)) == transcript


def test_words_are_written_once(transcript: Transcript):
    written = zlib.decompress(encode_transcript(transcript)).decode()
    assert all(written.count(f'"{word.text}"') == 1 for word in transcript.words)


def test_a_transcript_of_an_earlier_release(transcript: Transcript):
    """There the words stood twice."""
    stored = json.loads(TypeAdapter(tuple[Transcript]).dump_json((transcript,)))
    stored[0]["words"] = [asdict(word) for word in transcript.words]
    assert decode_transcript(zlib.compress(json.dumps(stored).encode())) == transcript


def test_an_earlier_release_can_read_a_transcript(transcript: Transcript):
    """It expects a list of one object, with a list of words beside the segments."""
    (stored,) = json.loads(zlib.decompress(encode_transcript(transcript)))
    assert stored["words"] == []
    assert len(stored["segments"]) == len(transcript.segments)
    assert list(stored)[-1] == "warnings"


def test_a_transcript_without_segments(transcript: Transcript):
    empty = replace(transcript, segments=())
    assert decode_transcript(encode_transcript(empty)) == empty


def test_text_that_looks_like_the_end_of_a_line(transcript: Transcript):
    nasty = replace(transcript.segments[0], text='a\n]"segments":[]\u2028,\n"segments":[')
    odd = replace(transcript, segments=(nasty, *transcript.segments))
    assert decode_transcript(encode_transcript(odd)) == odd
