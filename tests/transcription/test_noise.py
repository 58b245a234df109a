"""Stretches in which noise may hide speech, of sounds whose levels are known."""

import numpy as np
import pytest

from chunking.types import Span
from decoding.types import SAMPLE_RATE
from tests.planted import write_wav
from transcription.ingest import ingest
from transcription.noise import find_masked, warnings_of
from transcription.options import TranscriptionOptions
from transcription.reader import ThreadReader
from transcription.types import DetectedSpeech, Recording

SPEECH = (Span(0.0, 5.0),)
LOUD = 4000.0


@pytest.fixture
def record(tmp_path):
    """A recording: 5 s of something loud, then noise of a level."""

    def write(*parts):
        chance = np.random.default_rng(3)
        sounds = [
            chance.standard_normal(round(seconds * SAMPLE_RATE)) * loud
            for seconds, loud in ((5.0, LOUD), *parts)
        ]
        samples = np.clip(np.round(np.concatenate(sounds)), -32768, 32767).astype("<i2")
        samples.tofile(path := tmp_path / "sound.pcm")
        return Recording(path, len(samples), "digest")

    return write


def test_noise_near_the_level_of_speech_may_hide_some(record):
    recording = record((20.0, LOUD / 4))
    ((span, below),) = find_masked(recording, DetectedSpeech(SPEECH, ()))
    assert (span.start, span.end) == (5.0, 25.0)
    assert below == pytest.approx(12.0, abs=1.0)
    (warning,) = warnings_of(recording, DetectedSpeech(SPEECH, ()))
    assert "from 5.0 to 25.0 s is only 12 dB below" in warning


@pytest.mark.parametrize(
    ("parts", "speech"),
    [
        (((20.0, LOUD / 20),), SPEECH),  # a common room
        (((9.0, LOUD / 4),), SPEECH),  # a pause
        (((20.0, LOUD / 4),), ()),  # nobody speaks at all
        (((20.0, 0.0),), SPEECH),
        ((*((0.5, LOUD / 4), (0.5, LOUD / 40)) * 10,), SPEECH),  # music, or steps
    ],
)
def test_nothing_is_said_of(record, parts, speech):
    assert warnings_of(record(*parts), DetectedSpeech(speech, ())) == ()


def test_several_such_stretches_are_counted(record):
    recording = record((12.0, LOUD / 4), (3.0, LOUD), (12.0, LOUD / 4))
    detected = DetectedSpeech((*SPEECH, Span(17.0, 20.0)), ())
    assert "and in 1 more such stretches" in warnings_of(recording, detected)[0]


def test_speech_that_only_the_second_detector_hears_is_no_silence(record):
    detected = DetectedSpeech(SPEECH, (Span(14.0, 16.0),))
    assert find_masked(record((20.0, LOUD / 4)), detected) == ()


def test_it_is_a_warning_of_the_file(tmp_path):
    """Its loud half is speech to this detector, which hears nothing in the rest alone."""
    chance = np.random.default_rng(4)
    samples = np.concatenate([chance.normal(0, loud, SAMPLE_RATE * 15) for loud in (4000, 1000)])

    def vad(given, *, gain=1.0):
        count = -(-len(given) // 512)
        spoken = 15 * SAMPLE_RATE / 512 if len(given) == len(samples) else 0
        return (np.arange(count) < spoken).astype(np.float32)

    source = write_wav(tmp_path / "noisy.wav", samples.astype(np.int16))
    sound = ingest(source, tmp_path, TranscriptionOptions(), ThreadReader(), vad=vad)
    (warning,) = sound.warnings
    assert "Noise from 15" in warning
