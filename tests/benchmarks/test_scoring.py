from __future__ import annotations

import pytest

from benchmarks.scoring import (
    CharacterCounts,
    Counts,
    ScoringOptions,
    pool,
    pool_characters,
    score,
    score_with,
)

SPOKEN_HINDI = "मेरी किताब मेज पर रखी थी"
HEARD_HINDI = "मेरा कीताब मेजे पे रखे था"  # every word has a wrong vowel sign, one lacks a letter


def test_counts_by_hand() -> None:
    scored = score("the cat sat on the red mat", "so the cat sit on red mat", "none")
    assert scored.words == Counts(hits=5, substitutions=1, deletions=1, insertions=1)
    assert scored.wer == pytest.approx(3 / 7)
    assert (scored.hits, scored.substitutions, scored.deletions, scored.insertions) == (5, 1, 1, 1)
    assert scored.reference_length == 7
    assert scored.normalizer == "none"


def test_word_information_by_hand() -> None:
    words = Counts(hits=4, substitutions=1, deletions=1, insertions=1)
    assert words.information_preserved == pytest.approx(4 / 6 * 4 / 6)
    assert words.information_lost == pytest.approx(1 - 4 / 6 * 4 / 6)
    assert words.insertion_rate == pytest.approx(1 / 6)


def test_character_errors_by_hand() -> None:
    scored = score("abc def", "abd df", "none")
    assert scored.characters == CharacterCounts(errors=2, reference_length=7)
    assert scored.cer == pytest.approx(2 / 7)


def test_empty_reference() -> None:
    scored = score("", "thank you", "none")
    assert scored.words == Counts(insertions=2)
    assert scored.wer is None
    assert scored.cer is None
    assert scored.words.information_lost is None
    assert scored.words.insertion_rate is None


def test_empty_hypothesis() -> None:
    scored = score("thank you", "", "none")
    assert scored.words == Counts(deletions=2)
    assert scored.wer == 1.0
    assert scored.words.information_preserved == 0.0


def test_more_errors_than_words_are_not_cut_at_one() -> None:
    assert score("a", "b c d", "none").wer == 3.0


def test_tabs_and_lines_separate_words() -> None:
    assert score("hello\tworld\n", "hello world", "none").wer == 0.0


def test_pooled_is_not_averaged() -> None:
    scores = [score("a", "b", "none"), score("a b c d e f g h i", "a b c d e f g h i", "none")]
    assert pool(scores).error_rate == pytest.approx(0.1)
    assert pool_characters(scores).error_rate == pytest.approx(1 / 18)


def test_choices() -> None:
    options = ScoringOptions("openai-english", has_choices=True)
    scored = score_with("it cost { twenty / twenty-five } pens { um / @ }", "25 pens", options)
    assert scored.words == Counts(hits=2, deletions=2)
    assert score_with("we { will / 'll } see", "We will see!", options).wer == 0.0


def test_wrong_vowel_signs_are_errors_only_where_marks_are_kept() -> None:
    kept = score(SPOKEN_HINDI, HEARD_HINDI, "multilingual")
    stripped = score(SPOKEN_HINDI, HEARD_HINDI, "openai-basic")
    assert kept.wer == pytest.approx(6 / 6)
    assert stripped.wer == pytest.approx(1 / 10)
    assert kept.warning is None
    assert stripped.warning is not None
