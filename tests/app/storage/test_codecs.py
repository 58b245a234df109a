"""What is stored comes back as it was, also from folders of earlier releases."""

from __future__ import annotations

import zlib
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
    assert len(transcript.words) == 16
    assert decode_transcript(encode_transcript(transcript)) == transcript


def test_words_are_written_once(transcript: Transcript):
    written = zlib.decompress(encode_transcript(transcript)).decode()
    assert all(written.count(f'"{word.text}"') == 1 for word in transcript.words)


def test_a_transcript_of_an_earlier_release(transcript: Transcript):
    """There the words stood twice."""
    stored = TypeAdapter(tuple[Transcript]).dump_json((transcript,))
    assert decode_transcript(zlib.compress(stored)) == transcript
