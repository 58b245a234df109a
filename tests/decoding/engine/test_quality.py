"""How attempts are judged and which is kept."""

from __future__ import annotations

import pytest
from whisper.utils import compression_ratio as openai_ratio

from decoding.engine.quality import best_attempt, compression_ratio, is_final, judge
from decoding.types import Attempt, DecodingOptions

ENGLISH = (
    "The committee met on Tuesday to discuss the new library. Most members liked the plan, "
    "although two of them asked for a smaller hall and a larger garden behind the building."
)
HINDI = (
    "समिति ने मंगलवार को नए पुस्तकालय पर चर्चा की। अधिकतर सदस्यों को योजना पसंद आई, हालाँकि दो ने छोटे हॉल "
    "और इमारत के पीछे बड़े बगीचे की माँग की। अगली बैठक में खर्च का हिसाब रखा जाएगा और फिर काम शुरू होगा। "
    "गाँव के लोग चाहते हैं कि बच्चों के लिए अलग कमरा बने जहाँ वे शाम को पढ़ सकें और कहानियाँ सुन सकें।"
)
DEFAULT = DecodingOptions()


def test_english_is_measured_as_openai_measures_it():
    assert compression_ratio(ENGLISH) == pytest.approx(openai_ratio(ENGLISH), rel=0.1)


def test_clean_hindi_is_no_loop_though_its_bytes_look_like_one():
    assert openai_ratio(HINDI) > 2.0
    assert compression_ratio(HINDI) < 1.7


@pytest.mark.parametrize("phrase", ["thank you very much ", "बहुत बहुत धन्यवाद ", "谢谢大家观看 "])
def test_a_loop_is_a_loop_in_any_script(phrase):
    assert compression_ratio(phrase * 12) > 2.4


def test_no_text():
    assert compression_ratio("") == 0.0


@pytest.mark.parametrize(
    ("logprob", "no_speech", "ratio", "verdict"),
    [
        (-0.3, 0.1, 1.5, "accepted"),
        (-1.2, 0.1, 1.5, "improbable"),
        (-0.3, 0.1, 2.5, "repetitive"),
        (-1.2, 0.1, 2.5, "repetitive"),
        (-1.2, 0.7, 2.5, "no_speech"),
        (-0.3, 0.7, 1.5, "accepted"),
        (-0.3, 0.7, 2.5, "repetitive"),
    ],
)
def test_verdicts(logprob, no_speech, ratio, verdict):
    assert judge(logprob, no_speech, ratio, DEFAULT) == verdict


def test_thresholds_can_be_switched_off():
    off = DecodingOptions(
        compression_ratio_threshold=None, logprob_threshold=None, no_speech_threshold=None
    )
    assert judge(-9.0, 1.0, 9.0, off) == "accepted"
    assert judge(-0.1, 0.7, 1.0, DecodingOptions(logprob_threshold=None)) == "no_speech"


def attempt(temperature, logprob, ratio, verdict):
    return Attempt(temperature, logprob, ratio, verdict)


def test_the_accepted_attempt_is_kept():
    tried = [attempt(0.0, -0.2, 3.0, "repetitive"), attempt(0.2, -0.9, 1.2, "accepted")]
    assert best_attempt(tried) == 1
    assert is_final("accepted")


def test_among_failures_the_likeliest_that_is_no_loop():
    tried = [
        attempt(0.0, -0.1, 5.0, "repetitive"),
        attempt(0.2, -1.5, 1.2, "improbable"),
        attempt(0.4, -1.1, 1.3, "improbable"),
        attempt(1.0, -3.0, 1.0, "improbable"),
    ]
    assert best_attempt(tried) == 2


def test_among_loops_the_least_repetitive():
    tried = [attempt(0.0, -0.1, 5.0, "repetitive"), attempt(0.2, -0.4, 2.6, "repetitive")]
    assert best_attempt(tried) == 1
