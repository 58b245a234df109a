"""Words in characters and back."""

from __future__ import annotations

import pytest

from benchmarks.normalizers import LANGUAGES_WITHOUT_SPACES
from chunking.text.grapheme_words import from_graphemes, to_graphemes
from chunking.text.word_keys import SPACELESS_LANGUAGES
from chunking.types import Word


def word(text, start, end, index):
    return Word(text, start, end, 0.9, (1, 2), 0, index)


WORDS = (word("北京", 1.0, 2.0, 0), word("去", 2.0, 2.5, 1), word("กำลัง", 3.0, 4.0, 2))


def test_each_character_has_its_share_of_the_time():
    parts = to_graphemes(WORDS)
    assert [(p.text, p.start, p.end, p.index) for p in parts[:3]] == [
        ("北", 1.0, 1.5, 0),
        ("京", 1.5, 2.0, 0),
        ("去", 2.0, 2.5, 1),
    ]
    assert parts[-1].end == pytest.approx(4.0)
    assert "".join(p.text for p in parts[3:]) == "กำลัง"


def test_characters_that_stand_together_are_the_word_they_were():
    back = from_graphemes(to_graphemes(WORDS))
    assert [(w.text, w.index, w.tokens) for w in back] == [(w.text, w.index, (1, 2)) for w in WORDS]
    assert [w.end for w in back] == pytest.approx([w.end for w in WORDS])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (" 漢w57", [" 漢w57"]),
        ("我用iPhone。好", ["我", "用iPhone。", "好"]),
        ("東京", ["東", "京"]),
        ("hello", ["hello"]),
        ("", [""]),
    ],
)
def test_other_scripts_blanks_and_signs_stay_with_a_character(text, parts):
    assert [p.text for p in to_graphemes([word(text, 0.0, 1.0, 0)])] == parts


def test_a_word_of_which_a_seam_takes_a_part_is_that_part():
    left, right = to_graphemes(WORDS)[:1], to_graphemes([word("京去", 1.5, 2.5, 7)])
    assert [w.text for w in from_graphemes([*left, *right])] == ["北", "京去"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "北京天气"),
        ("yue", "香港天氣"),
        ("ja", "東京のてんき"),
        ("th", "กรุงเทพ"),
        ("lo", "ວຽງຈັນ"),
        ("my", "ရန်ကုန်"),
        ("km", "ភ្នំពេញ"),
        ("bo", "ལྷ་ས"),
    ],
)
def test_every_language_without_spaces_comes_apart(language, text):
    assert language in SPACELESS_LANGUAGES
    assert len(to_graphemes([word(text, 0.0, 1.0, 0)])) > 1


def test_no_language_without_spaces_is_forgotten():
    """Scoring has a list of its own, as it knows nothing of merging."""
    assert len(SPACELESS_LANGUAGES) == 8
    assert SPACELESS_LANGUAGES == LANGUAGES_WITHOUT_SPACES
