from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunking.text.word_keys import breaks_grapheme, key, similarity, split_graphemes, to_units
from chunking.types import Word


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (" Hello,", "hello"),
        (" “Straße”", "STRASSE"),
        (" ＡＢＣ", "abc"),
        (" don't", "don’t"),
        (" क\u093cलम", " \u0958लम"),  # both spellings of one Hindi letter
        (" हैं।", "हैं"),
    ],
)
def test_same_words(left, right):
    assert key(left) == key(right)


@pytest.mark.parametrize(
    ("left", "right"), [("की", "का"), ("दिन", "दीन"), ("25", "26"), ("...", "-"), ("กา", "ก")]
)
def test_other_words(left, right):
    assert key(left) != key(right)


def test_marks_are_kept():
    assert key("हिन्दी") == "हिन्दी"


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_a_key_is_its_own_key(text):
    assert key(key(text)) == key(text)


def say(*texts):
    return [Word(t, n, n + 1.0, 0.9, (), 0, n) for n, t in enumerate(texts)]


def test_a_word_is_a_unit():
    (unit,) = to_units(say(" Hello!"), by_grapheme=False)
    assert (unit.key, unit.start, unit.end, unit.first, unit.last) == ("hello", 0.0, 1.0, 0, 0)
    assert unit.middle == 0.5


def test_graphemes_share_the_time_of_their_word():
    units = to_units(say("今天", "好。"), by_grapheme=True)
    assert [(u.key, u.start, u.first) for u in units] == [
        ("今", 0.0, 0),
        ("天", 0.5, 0),
        ("好", 1.0, 1),
    ]


def test_a_grapheme_across_two_words_belongs_to_both():
    units = to_units(say("ก", "ำ", "น"), by_grapheme=True)
    assert [(u.first, u.last) for u in units] == [(0, 1), (2, 2)]


def test_graphemes():
    assert split_graphemes("น้ำ") == ["น้ำ"]
    assert breaks_grapheme("น้", "ำ")
    assert not breaks_grapheme("น้ำ", "ใจ")
    assert not breaks_grapheme("", "a")


def test_similarity():
    assert similarity("realise", "realize") == pytest.approx(6 / 7)
    assert similarity("a", "xyz") == 0.0
    assert similarity("", "") == 0.0


def edit_distance(left, right):
    """As it is defined, one letter after the other."""
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
            diagonal, row[j] = row[j], cost
    return row[-1]


@given(st.text("abcdé日", max_size=12), st.text("abcdé日", max_size=12))
def test_similarity_is_as_it_is_defined(left, right):
    longer = max(len(left), len(right))
    expected = 1.0 - edit_distance(left, right) / longer if longer else 0.0
    assert similarity(left, right) == expected


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_similarity_is_symmetric_and_one_for_equals(left, right):
    assert similarity(left, right) == similarity(right, left)
    assert 0.0 <= similarity(left, right) <= 1.0
    assert (similarity(left, right) == 1.0) == (left == right and left != "")
