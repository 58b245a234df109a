"""With official weights we decode what openai-whisper decodes, token for token.

A few windows; `python -m benchmarks speed --correctness real` takes any number of them.
"""

from __future__ import annotations

import pytest

from benchmarks.speed.correctness import PROMPT, SCORE_TOLERANCE
from benchmarks.speed.systems import sound
from decoding.types import OPENAI_RULES
from tests.decoding.oracle import openai_decode
from tests.decoding.speech import window
from tests.real.official import as_float, window_of

# openai-whisper sorts tensors with numpy, which NumPy 2 deplores
pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]

MODELS = ("base", "tiny.en")
MOST_TOKENS = 224  # openai-whisper's own limit


def assert_same(official, samples, language, prompt=None):
    ours = official.decode(
        samples,
        language=language,
        prompt=prompt,
        temperatures=(0.0,),
        sample_len=MOST_TOKENS,
        word_timestamps=False,
        **OPENAI_RULES,
    )
    heard = as_float(samples)
    theirs = openai_decode(official.oracle, heard, language=language, prompt=prompt)
    assert ours.tokens == tuple(theirs.tokens)
    assert ours.avg_logprob == pytest.approx(theirs.avg_logprob, abs=SCORE_TOLERANCE)
    if prompt is not None:  # whether somebody speaks we ask without it, before any token
        theirs = openai_decode(official.oracle, heard, language=language, sample_len=1)
    assert ours.no_speech_prob == pytest.approx(theirs.no_speech_prob, abs=SCORE_TOLERANCE)
    assert any(token >= official.loaded.vocabulary.timestamp_begin for token in ours.tokens)
    return ours


@pytest.mark.parametrize("prompt", [None, PROMPT], ids=["alone", "after a prompt"])
@pytest.mark.parametrize("name", MODELS)
def test_a_sentence_of_a_person(official, name, prompt):
    model = official(name)
    ours = assert_same(model, window_of("jfk/jfk.flac"), "en", prompt)
    assert "ask not what your country can do for you" in ours.text


@pytest.mark.parametrize("name", MODELS)
def test_half_a_minute_of_a_person(official, name):
    assert_same(official(name), window_of("human/us-weekly-address/address.mp3"), "en")


def test_another_language(base):
    ours = assert_same(base, window_of("human/readalongs/ej-fra.m4a"), "fr", "Un entretien")
    assert "traduction automatique" in ours.text


@pytest.mark.parametrize("name", MODELS)
def test_synthetic_speech(official, name):
    assert_same(official(name), sound.stretches()[0], "en")


@pytest.mark.parametrize("name", MODELS)
def test_synthetic_speech_of_another_voice_after_a_prompt(official, name):
    assert_same(official(name), window(0, 2), "en", PROMPT)
