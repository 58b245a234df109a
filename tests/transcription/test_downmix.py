import numpy as np
import pytest

from decoding.types import SAMPLE_RATE
from transcription.downmix import Downmix


def voice(seconds, seed=0, loud=3000):
    noise = np.random.default_rng(seed).integers(-loud, loud, int(seconds * SAMPLE_RATE))
    return noise.astype(np.int16)


def mixed(both, step=700):
    downmix = Downmix()
    cut = range(0, both.shape[1], step)
    parts = [downmix.mix(both[:, start : start + step]) for start in cut]
    parts.append(downmix.mix(np.zeros((2, 0), np.int16), is_last=True))
    return np.concatenate(parts, axis=1)[0], downmix.warnings()


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.5, 3.2])
def test_two_voices_are_heard_at_once(seconds):
    left, right = voice(seconds, 1), voice(seconds, 2)
    heard, warnings = mixed(np.stack([left, right]))
    assert np.array_equal(heard, (left.astype(int) + right) >> 1)
    assert warnings == []


def test_opposite_channels_do_not_become_silence():
    left = voice(4)
    heard, warnings = mixed(np.stack([left, -left]))
    assert np.array_equal(heard, left)
    assert "cancel each other out for 4.0 s, first at 0.0 s" in warnings[0]


def test_the_louder_of_opposite_channels_is_taken():
    right = voice(2)
    heard, warnings = mixed(np.stack([(-0.85 * right).astype(np.int16), right]))
    assert np.array_equal(heard, right)
    assert warnings


def test_a_mix_that_is_somewhat_quieter_stays_a_mix():
    right = voice(2)
    left = -right // 2
    heard, warnings = mixed(np.stack([left, right]))
    assert np.array_equal(heard, (left.astype(int) + right) >> 1)
    assert warnings == []


def test_only_the_stretch_that_cancels_is_replaced():
    left = voice(6)
    right = left.copy()
    right[2 * SAMPLE_RATE : 4 * SAMPLE_RATE] *= -1
    heard, warnings = mixed(np.stack([left, right]))
    assert np.array_equal(heard, left)
    assert "for 2.0 s, first at 2.0 s" in warnings[0]


def test_one_silent_channel_and_silence_are_not_odd():
    left = voice(2)
    for both in (np.stack([left, 0 * left]), np.zeros((2, SAMPLE_RATE), np.int16)):
        assert mixed(both)[1] == []
