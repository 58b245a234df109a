"""How attempts are judged and which is kept."""

from __future__ import annotations

import numpy as np
import pytest
from whisper.utils import compression_ratio as openai_ratio

from decoding.engine.fallback import judge_attempt
from decoding.engine.quality import (
    Sounds,
    best_attempt,
    compression_ratio,
    is_echo,
    is_final,
    is_sparse,
    judge,
)
from decoding.engine.window_request import WindowRequest
from decoding.search.hypotheses import Hypothesis
from decoding.types import Attempt, Clip, DecodingOptions

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
    assert judge(logprob, 40, Sounds(no_speech), ratio, DEFAULT) == verdict


@pytest.mark.parametrize(
    ("no_speech", "language", "verdict"),
    [
        (0.72, 0.37, "no_speech"),  # a boat that knocks, "수고하셨습니다."
        (0.48, 0.22, "no_speech"),  # a coffee shop, "ご視聴ありがとうございました"
        (0.49, 0.79, "accepted"),  # one digit of 0.4 s
        (0.41, 0.42, "accepted"),  # six digits with pauses
        (0.10, 0.32, "accepted"),  # verse in a language that the model hardly knows
    ],
)
def test_short_text_where_no_speech_is_likelier_than_any_language(no_speech, language, verdict):
    sounds = Sounds(no_speech, language)
    assert judge(-0.4, 8, sounds, 1.0, DEFAULT) == verdict
    assert judge(-0.4, 8, sounds, 1.0, DecodingOptions(needs_language=False)) == "accepted"


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("Dr. Meyer, Dr. Meyer, the ward, dosage.", "Notes: Dr. Meyer, the ward, dosage."),
        ("ibuprofen, ibuprofen, ibuprofen, ibuprofen", "paracetamol ibuprofen"),
        ("Ibuprofen.", "paracetamol ibuprofen"),
        ("字幕", "字幕"),
    ],
)
def test_what_was_read_before_is_an_echo(text, given):
    assert is_echo(text, given)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("The ward was closed.", "Dr. Meyer, the ward, dosage."),
        ("Dosage, Meyer, ward, the.", "Dr. Meyer, the ward, dosage."),
        ("3 4 5", "1 2 3 4 5"),
        ("www.paracetamol.com", "paracetamol, ibuprofen"),
        ("Yes.", ""),
        ("", "paracetamol"),
        ("...", "paracetamol"),
    ],
)
def test_what_is_no_echo(text, given):
    assert not is_echo(text, given)


def test_long_text_is_believed_as_long_as_it_is_probable():
    digits = Sounds(0.95, 0.59)  # thirty seconds of them, with pauses
    assert judge(-0.24, 60, digits, 1.7, DEFAULT) == "accepted"
    assert judge(-1.09, 22, Sounds(0.48, 0.22), 1.1, DEFAULT) == "no_speech"


class Texts:
    """A vocabulary that says the same whatever the tokens are."""

    eot = 50257

    def text_of(self, tokens: tuple[int, ...]) -> str:
        return "We will see you in the next video."


def climbed(sounds, **options):
    """The verdicts of a window whose every attempt is improbable."""
    asked = DecodingOptions(temperatures=(0.0, 0.5), language="en", **options)
    request = WindowRequest(Clip(np.zeros(8, np.int16)), asked)
    hypothesis = Hypothesis((1, 2), -9.0, is_truncated=False)
    while not judge_attempt(request, hypothesis, sounds, Texts()):
        pass
    return [attempt.verdict for attempt in request.attempts]


def test_what_is_improbable_to_the_last_is_no_speech_where_there_is_doubt():
    music, lone_word = Sounds(0.26, 0.56), Sounds(0.09, 0.9)
    assert climbed(music) == ["improbable", "no_speech"]
    assert climbed(lone_word) == ["improbable", "improbable"]
    assert climbed(music, needs_language=False) == ["improbable", "improbable"]


def test_thresholds_can_be_switched_off():
    off = DecodingOptions(
        compression_ratio_threshold=None, logprob_threshold=None, no_speech_threshold=None
    )
    assert judge(-9.0, 40, Sounds(1.0), 9.0, off) == "accepted"
    without = DecodingOptions(logprob_threshold=None)
    assert judge(-0.1, 40, Sounds(0.7), 1.0, without) == "no_speech"


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


@pytest.mark.parametrize(
    ("num_tokens", "seconds", "expected"),
    [
        (13, 19.5, True),  # eleven words, the rest of a window passed over
        (10, 26.0, True),  # "CHAPTER XVI CHAPTER XVI"
        (49, 25.2, False),  # a third was passed over: heard again as a gap
        (1, 7.0, False),  # an answer, and breath
        (0, None, False),
    ],
)
def test_text_is_sparse_for_much_more_speech(num_tokens, seconds, expected):
    assert is_sparse(num_tokens, seconds) is expected


def test_sparse_text_is_kept_where_nothing_better_is_found():
    tried = [attempt(0.0, -0.4, 1.0, "sparse"), attempt(0.2, -0.9, 1.2, "improbable")]
    assert best_attempt(tried) == 0
    tried.append(attempt(0.4, -0.3, 1.2, "accepted"))
    assert best_attempt(tried) == 2


def test_among_loops_the_least_repetitive():
    tried = [attempt(0.0, -0.1, 5.0, "repetitive"), attempt(0.2, -0.4, 2.6, "repetitive")]
    assert best_attempt(tried) == 1
