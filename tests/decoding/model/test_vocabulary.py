"""Prompts, hotwords and suppressed tokens."""

from __future__ import annotations

import dataclasses

import pytest
from whisper.decoding import DecodingOptions as TheirOptions
from whisper.decoding import DecodingTask

from decoding.model.vocabulary import Vocabulary
from decoding.types import DecodingOptions
from tests.decoding.small_models import ENGLISH, MULTILINGUAL, dimensions, random_model


@pytest.fixture(params=[MULTILINGUAL, ENGLISH])
def n_vocab(request):
    Vocabulary(dimensions(request.param))  # the package leaves the file open that it reads once
    return request.param


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"prompt": " the harbour "},
        {"prompt": "one two three " * 40},
        {"without_timestamps": True},
        {"task": "translate", "prompt": "x"},
    ],
)
def test_prompts_are_openais(n_vocab, given):
    if n_vocab == ENGLISH and given.get("task"):
        pytest.skip("English models do not translate")
    theirs = DecodingTask(
        random_model(3, n_vocab), TheirOptions(language="en", fp16=False, **given)
    )
    vocabulary = Vocabulary(dimensions(n_vocab))
    ours = vocabulary.prompt(DecodingOptions(**given), "en")
    assert ours.tokens == theirs.initial_tokens
    assert ours.sot_index == theirs.sot_index


@pytest.mark.parametrize("tokens", [None, (-1, 5), (7, 8)])
def test_suppressed_tokens_are_openais(n_vocab, tokens):
    their_tokens = "-1" if tokens is None else list(tokens)
    theirs = DecodingTask(
        random_model(3, n_vocab),
        TheirOptions(language="en", fp16=False, suppress_tokens=their_tokens),
    )
    vocabulary = Vocabulary(dimensions(n_vocab))
    ours = vocabulary.suppressed(DecodingOptions(suppress_tokens=tokens))
    assert ours == {*theirs._get_suppress_tokens(), vocabulary.no_timestamps}


def test_nothing_suppressed_is_nothing_suppressed():
    vocabulary = Vocabulary(dimensions())
    options = DecodingOptions(suppress_tokens=(), without_timestamps=True)
    assert vocabulary.suppressed(options) == frozenset()


def test_hotwords_come_first_and_leave_room_for_the_end_of_the_prompt():
    vocabulary = Vocabulary(dataclasses.replace(dimensions(), n_text_ctx=32))
    options = DecodingOptions(hotwords="harbour", prompt="one two three four " * 10)
    tokens = vocabulary.prompt(options, "en").tokens
    assert len(tokens) == 1 + 15 + 3
    hotwords = vocabulary.tokenizer("en", "transcribe").encode(" harbour")
    assert list(tokens[1 : 1 + len(hotwords)]) == hotwords
    assert vocabulary.text_of(tokens[1:16]).endswith(" three four")


def test_special_words_in_a_prompt_are_just_words():
    vocabulary = Vocabulary(dimensions())
    tokens = vocabulary.prompt(DecodingOptions(prompt="<|endoftext|>"), "en").tokens
    assert vocabulary.eot not in tokens


def test_languages_of_an_english_model():
    assert Vocabulary(dimensions(ENGLISH)).languages == ("en",)
    assert {"en", "hi", "yue"} - set(Vocabulary(dimensions(51_866)).languages) == set()
    assert "yue" not in Vocabulary(dimensions(MULTILINGUAL)).languages


def test_languages_are_in_the_same_order_in_every_process():
    """That of their tokens; or the last bits of their probabilities would differ."""
    vocabulary = Vocabulary(dimensions())
    tokens = [vocabulary.language_token(code) for code in vocabulary.languages]
    assert tokens == sorted(tokens)
    assert vocabulary.languages[:3] == ("en", "zh", "de")
