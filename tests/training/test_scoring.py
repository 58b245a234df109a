"""Errors are counted over all texts and times over words heard right."""

import pytest

from training.scoring import Errors, comparable, errors, longest_loop, time_errors
from training.synthesis import SpokenWord


def test_known_errors_are_pooled() -> None:
    found = errors(["The dog saw it.", "Yes."], ["the dog was it", "yes yes"])
    assert found == Errors(words=5, substitutions=1, deletions=0, insertions=1)
    assert found.rate == pytest.approx(0.4)


def test_numbers_and_case_are_normalised_away() -> None:
    assert errors(["We have ten dogs."], ["we have 10 dogs"]).rate == 0.0


@pytest.mark.parametrize(
    ("text", "language", "counted"),
    [
        ("Okay, ten dogs.", "en", "okay 10 dogs"),
        ("नमस्ते, दुनिया।", "hi", "नमस्ते दुनिया"),
        ("Grüße an ALLE!", "de", "grüsse an alle"),
        ("你好，世界", "zh", "你 好 世 界"),
    ],
)
def test_other_languages_keep_their_signs(text: str, language: str, counted: str) -> None:
    assert comparable(text, language) == counted


def test_a_wrong_vowel_sign_is_an_error() -> None:
    assert errors(["कि"], ["की"], "hi").rate == 1.0


def test_empty_reference_has_no_rate() -> None:
    found = errors([""], ["cat dog"])
    assert found.insertions == 2
    with pytest.raises(ValueError, match="no error rate"):
        _ = found.rate


def test_times_are_compared_on_words_heard_right() -> None:
    said = [SpokenWord("The", 0.0, 0.5), SpokenWord("dog.", 0.5, 1.0), SpokenWord("Yes.", 2.0, 2.5)]
    heard = [
        SpokenWord(" the", 0.1, 0.5),
        SpokenWord(" cat", 0.5, 1.0),
        SpokenWord(" yes", 2.3, 2.6),
    ]
    found = time_errors(said, heard)
    assert found is not None
    assert found.matched == 2
    assert found.start_median == pytest.approx(0.2)
    assert found.near_share == 0.5
    assert time_errors(said, []) is None


@pytest.mark.parametrize(
    ("text", "times"),
    [("we saw the dog", 1), ("no no no no", 4), ("we see it we see it we see it now", 3), ("", 1)],
)
def test_loops_are_counted(text: str, times: int) -> None:
    assert longest_loop(text) == times
