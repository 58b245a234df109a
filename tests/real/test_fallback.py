"""Windows that loop, or hold no speech, judged with official weights by openai-whisper's rules.

Budgets and ladders are short: what loops does so within a few words.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speed.correctness import SCORE_TOLERANCE
from decoding.engine.quality import compression_ratio
from decoding.types import CLIP_SAMPLES, OPENAI_RULES, SAMPLE_RATE
from tests.decoding.oracle import openai_decode
from tests.decoding.speech import speak, window
from tests.real.official import as_float, window_of

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]

LADDER = (0.0, 0.4)
BUDGET = 60


def noise(loudness):
    generator = np.random.default_rng(0)
    return (loudness * generator.standard_normal(CLIP_SAMPLES)).astype(np.float32)


def repeated(text, pause):
    once = np.concatenate([speak(text), np.zeros(round(pause * SAMPLE_RATE), np.float32)])
    return np.tile(once, CLIP_SAMPLES // len(once))


def decoded(official, samples, **options):
    options = {
        "temperatures": LADDER,
        "sample_len": BUDGET,
        "word_timestamps": False,
        **OPENAI_RULES,
        **options,
    }
    return official.decode(samples, language="en", **options)


def must_climb(theirs):
    """openai-whisper's `decode_with_fallback`, at its default thresholds."""
    if theirs.no_speech_prob > 0.6 and theirs.avg_logprob < -1.0:
        return False
    return theirs.compression_ratio > 2.4 or theirs.avg_logprob < -1.0


def assert_judged_alike(official, samples, ours):
    """The first attempt has openai-whisper's figures, and is followed by another as there.

    Our measure of repetition is another one (letters, not bytes); it leads to the same here.
    """
    theirs = openai_decode(official.oracle, as_float(samples), sample_len=BUDGET)
    first = ours.attempts[0]
    assert first.temperature == 0.0
    assert first.avg_logprob == pytest.approx(theirs.avg_logprob, abs=SCORE_TOLERANCE)
    assert first.compression_ratio == compression_ratio(theirs.text)  # of the same text
    assert ours.no_speech_prob == pytest.approx(theirs.no_speech_prob, abs=SCORE_TOLERANCE)
    assert (len(ours.attempts) > 1) == must_climb(theirs)


def test_a_window_that_loops_climbs(base):
    samples = repeated("No.", 0.1)
    ours = decoded(base, samples)
    assert_judged_alike(base, samples, ours)
    assert ours.attempts[0].verdict == "repetitive"
    assert [attempt.temperature for attempt in ours.attempts] == list(LADDER)


def test_noise_climbs(base):
    samples = noise(0.01)
    ours = decoded(base, samples)
    assert_judged_alike(base, samples, ours)
    assert ours.attempts[0].verdict == "repetitive"


def test_an_improbable_window_climbs(base):
    samples = window(0, 4)[::-1].copy()  # speech backwards
    ours = decoded(base, samples)
    assert_judged_alike(base, samples, ours)
    assert ours.attempts[0].verdict == "improbable"


def test_nobody_speaks_where_no_language_is_heard(base):
    """A coffee shop, in which openai-whisper thanks its viewers."""
    samples = window_of("human/nonspeech-ambience/coffee-shop.ogg")
    assert decoded(base, samples).text
    heard = decoded(base, samples, needs_language=True)
    assert (heard.verdict, heard.words, len(heard.attempts)) == ("no_speech", (), 1)


def test_a_language_is_heard_in_speech_that_is_noisy_or_short(base):
    for name in ("human/rosehill-noise/crying-child.mp3", "fsdd-test/8_jackson_1.wav"):
        assert decoded(base, window_of(name), needs_language=True).text


def test_speech_does_not_climb(base):
    samples = window(0, 2)
    ours = decoded(base, samples)
    assert_judged_alike(base, samples, ours)
    assert [attempt.verdict for attempt in ours.attempts] == ["accepted"]
    assert "the old harbour was quiet" in ours.text.lower().replace("harbor", "harbour")


def test_silence_is_judged_as_openai_whisper_judges_it(base):
    """Its decoder is sure of a word in silence; that is why silence is never decoded here."""
    samples = np.zeros(CLIP_SAMPLES, np.float32)
    ours = decoded(base, samples)
    assert_judged_alike(base, samples, ours)
    assert ours.no_speech_prob > 0.6


def test_a_sound_without_speech_is_judged_as_openai_whisper_judges_it(base):
    samples = window_of("human/nonspeech-ambience/pink-noise.ogg")
    assert_judged_alike(base, samples, decoded(base, samples))


def test_the_rule_of_no_speech_alone_leaves_no_text(base):
    for samples in (noise(0.01), np.zeros(CLIP_SAMPLES, np.float32)):
        ours = decoded(base, samples, logprob_threshold=None)
        assert (ours.text, ours.words, ours.verdict) == ("", (), "no_speech")
        assert ours.tokens  # it would have had some
        assert len(ours.attempts) == 1
