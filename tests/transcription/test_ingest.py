import numpy as np
import pytest

from tests.planted import plant, write_wav
from transcription.audio import AudioLimits
from transcription.errors import AudioTooLong
from transcription.ingest import ingest
from transcription.options import TranscriptionOptions
from transcription.speech import find_speech

OPTIONS = TranscriptionOptions()


def test_listening_while_decoding_hears_the_same(tmp_path):
    noise = np.random.default_rng(5).normal(0, 2000, 16_000 * 500).astype(np.int16)
    source = write_wav(tmp_path / "long.wav", noise)
    sound = ingest(source, tmp_path, OPTIONS, AudioLimits())
    ((recording, detected),) = sound.channels
    assert sound.warnings == ()
    assert recording.samples == len(noise)
    assert detected == find_speech(recording, OPTIONS.speech)


def test_too_long_leaves_nothing(tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(100))
    (workspace := tmp_path / "work").mkdir()
    with pytest.raises(AudioTooLong):
        ingest(source, workspace, OPTIONS, AudioLimits(max_seconds=10.0))
    assert list(workspace.iterdir()) == []
