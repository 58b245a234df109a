from __future__ import annotations

import json
import math
import pickle
import zlib
from dataclasses import replace

import numpy as np
import pytest

from app.storage.clip_codecs import (
    decode_card,
    decode_outcome,
    decode_request,
    encode_card,
    encode_outcome,
    encode_request,
    encode_samples,
)
from decoding.errors import EngineFailed, PoisonClip, UnsupportedOption
from decoding.types import DecodedWord, DecodingOptions, Expected, TimedText
from tests.decoding.fakes import CARD, clip, decoded

WHOLE = replace(
    decoded("what was heard"),
    words=(DecodedWord(" what", 0.1, 0.30000000000000004, 1 / 3, (1, 2)),),
    timed_text=(TimedText(0.0, 2.0, "what"),),
    language_probabilities={"en": 0.75, "de": 0.25},
    speech_probabilities=(0.5, 1.0),
)


def test_what_was_decoded_survives_bit_for_bit():
    assert decode_outcome(encode_outcome(WHOLE)) == WHOLE


def test_figures_may_be_no_numbers():
    outcome = decode_outcome(encode_outcome(replace(WHOLE, avg_logprob=math.nan)))
    assert math.isnan(outcome.avg_logprob)


@pytest.mark.parametrize("error", [PoisonClip("twice"), UnsupportedOption("not this one")])
def test_errors_of_decoding_keep_class_and_words(error):
    told = decode_outcome(encode_outcome(error))
    assert type(told) is type(error)
    assert str(told) == str(error)


def test_a_strange_error_is_a_failed_engine():
    told = decode_outcome(encode_outcome(KeyError("odd")))
    assert type(told) is EngineFailed
    assert str(told) == "KeyError: 'odd'"


class Opened:
    """Pickled, it would be a call of `open`."""

    def __reduce__(self):
        return open, ("/dev/null", "w")


@pytest.mark.parametrize(
    "written",
    [b"", b"[]", zlib.compress(b"[{}, {}]"), pickle.dumps(Opened())],
    ids=["nothing", "not packed", "two of them", "pickled"],
)
def test_what_is_no_outcome_is_a_failed_engine_and_never_run(written):
    assert type(decode_outcome(written)) is EngineFailed
    assert type(decode_outcome(zlib.compress(written))) is EngineFailed


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_request_is_what_was_asked(dtype):
    options = DecodingOptions(language="en", prompt="Über", temperatures=(0.0, 0.3))
    told = Expected(needed_until=29.7, spoken_until=29.9, spoken_seconds=17.1)
    asked = replace(clip(7, dtype=dtype), seed=2**63 + 1, expected=told)
    request = decode_request(encode_request(asked, options))
    assert request.options == options
    assert request.seed == 2**63 + 1
    assert request.expected == told
    samples = np.frombuffer(encode_samples(asked), request.dtype)
    assert samples.tolist() == asked.samples.tolist()


def test_a_request_that_says_otherwise_what_is_expected_is_read():
    """As it lay in the queue when its service was renewed."""
    written = json.loads(encode_request(clip(7), DecodingOptions()))
    del written["expected"]
    written |= {"needed_until": 29.7, "spoken_until": None, "spoken_seconds": 17.1}
    assert decode_request(json.dumps(written)).expected == Expected()


def test_a_card_comes_back():
    assert decode_card(encode_card(CARD)) == CARD
