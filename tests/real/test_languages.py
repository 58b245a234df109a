"""The language of a window and its translation, against openai-whisper and what was spoken."""

from __future__ import annotations

import pytest
import whisper

from benchmarks.speed.correctness import SCORE_TOLERANCE
from benchmarks.speed.systems import sound
from decoding.types import OPENAI_RULES
from tests.decoding.oracle import openai_decode, openai_mel
from tests.real.official import as_float, window_of

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]

FINNISH = "human/readalongs/hiihtaja-fin.flac"
SPOKEN = {
    "human/sppas-multilingual/cat-TB-FE1-H1_phrase1.flac": "ca",
    "human/sppas-multilingual/cmn-f1_P8.flac": "zh",
    "human/sppas-multilingual/deu-DEU_F10_DEU_T02.flac": "de",
    "human/sppas-multilingual/fra-F_F_B003-P8.flac": "fr",
    "human/readalongs/ap-dan.flac": "da",
    "human/udhr-preamble/en.mp3": "en",
    "whisperkit-multilingual/ja_test_clip.wav": "ja",
}


def detected(base, samples):
    """The language that both hear, with the same probabilities."""
    ours = base.decode(samples, task="lang_id")
    _, theirs = whisper.detect_language(base.oracle, openai_mel(as_float(samples)))
    assert ours.language == max(theirs, key=theirs.__getitem__)
    assert ours.language_probabilities == pytest.approx(theirs, abs=SCORE_TOLERANCE)
    return ours.language


@pytest.mark.parametrize(("name", "language"), SPOKEN.items(), ids=list(SPOKEN.values()))
def test_languages_of_people(base, name, language):
    assert detected(base, window_of(name)) == language


def test_a_poem_that_base_mistakes_for_latin(base):
    """Finnish: the mistake is the weights' own, and openai-whisper's too."""
    assert detected(base, window_of(FINNISH)) == "la"


def test_language_of_synthetic_speech(base):
    assert detected(base, sound.stretches()[0]) == "en"


def test_german_is_translated(base):
    samples = window_of("human/sppas-multilingual/deu-DEU_F10_DEU_T02.flac")
    how = {"language": "de", "task": "translate"}
    options = {**how, **OPENAI_RULES, "temperatures": (0.0,), "sample_len": 224}
    ours = base.decode(samples, **options, word_timestamps=False)
    theirs = openai_decode(base.oracle, as_float(samples), **how)
    assert ours.tokens == tuple(theirs.tokens)
    assert ours.avg_logprob == pytest.approx(theirs.avg_logprob, abs=SCORE_TOLERANCE)
    assert "water" in ours.text.lower()
