"""What is heard a second time, and how loud, by a detector that hears whatever is loud enough."""

import numpy as np
import pytest

from decoding.types import SAMPLE_RATE
from decoding.voice_activity.silero_file import FRAME_SAMPLES
from transcription.faint_speech import hear
from transcription.silero import levels_of

AUDIBLE = 1000.0


class LevelDetector:
    """Certain of speech in every frame that is loud; keeps how many samples it was given."""

    def __init__(self):
        self.given = []

    def __call__(self, samples, *, gain=1.0):
        self.given.append(len(samples))
        count = -(-len(samples) // FRAME_SAMPLES)
        whole = np.zeros(count * FRAME_SAMPLES, np.int16)
        whole[: len(samples)] = samples
        return (levels_of(whole) * gain >= AUDIBLE).astype(np.float32)


def sound(*parts):
    """(seconds, loudness) after each other: a tone, so that every frame is as loud."""
    times = [np.arange(round(seconds * SAMPLE_RATE)) for seconds, _ in parts]
    waves = [
        loud * 1.414 * np.sin(0.3 * n) for n, (_, loud) in zip(times, parts, strict=True)
    ]  # fmt: skip
    return np.round(np.concatenate(waves)).astype(np.int16)


def heard(samples, start, end):
    """Share of the frames between two seconds in which speech was heard, and the detector."""
    vad = LevelDetector()
    found = hear(samples, vad)
    assert len(found) == -(-len(samples) // FRAME_SAMPLES)
    first, last = (round(time * SAMPLE_RATE / FRAME_SAMPLES) for time in (start, end))
    return found[first:last].mean(), vad


def test_what_is_as_loud_as_ever_is_heard_once():
    samples = sound((30, 5000))
    share, vad = heard(samples, 0, 30)
    assert share == 1.0
    assert vad.given == [len(samples)]


@pytest.mark.parametrize("faint", [15, 100])
def test_what_is_faint_beside_the_rest_is_heard_louder(faint):
    samples = sound((20, 8000), (20, faint), (20, 8000))
    share, vad = heard(samples, 22, 38)
    assert share == 1.0
    assert LevelDetector()(samples)[700:1100].mean() == 0.0, "not without"
    assert len(vad.given) == 2
    assert vad.given[1] < 30 * SAMPLE_RATE


def test_a_click_does_not_hide_what_is_faint_around_it():
    samples = sound((20, 8000), (20, 100))
    samples[30 * SAMPLE_RATE : 30 * SAMPLE_RATE + 500] = 30_000
    assert heard(samples, 28, 32)[0] == 1.0


def test_silence_stays_silence():
    assert heard(sound((20, 8000), (20, 0)), 22, 40)[0] == 0.0


@pytest.mark.parametrize("count", [0, 1, FRAME_SAMPLES, 40 * FRAME_SAMPLES + 1])
def test_little_sound(count):
    samples = np.full(count, 100, np.int16)
    assert len(hear(samples, LevelDetector())) == -(-count // FRAME_SAMPLES)
