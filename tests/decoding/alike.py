"""Decoded windows that may differ in their last bits, as they do where company changes them."""

from __future__ import annotations

import dataclasses

import pytest

FRAME = 0.0201  # seconds, and what rounding adds


def assert_alike(ours, theirs):
    """The same text, tokens and judgements; times within a frame, probabilities within 1e-5."""
    assert (ours.text, ours.tokens, ours.timed_text) == (
        theirs.text,
        theirs.tokens,
        theirs.timed_text,
    )
    assert ours.language == theirs.language
    assert ours.is_truncated == theirs.is_truncated
    assert ours.language_probabilities == pytest.approx(theirs.language_probabilities, abs=1e-5)
    for name in ("avg_logprob", "no_speech_prob", "compression_ratio", "temperature"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-5)
    assert [one.verdict for one in ours.attempts] == [one.verdict for one in theirs.attempts]
    assert [dataclasses.replace(word, start=0, end=0, probability=0) for word in ours.words] == [
        dataclasses.replace(word, start=0, end=0, probability=0) for word in theirs.words
    ]
    for word, other in zip(ours.words, theirs.words, strict=True):
        assert word.start == pytest.approx(other.start, abs=FRAME)
        assert word.end == pytest.approx(other.end, abs=FRAME)
        assert word.probability == pytest.approx(other.probability, abs=1e-5)
