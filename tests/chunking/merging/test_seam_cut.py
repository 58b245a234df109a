from __future__ import annotations

import pytest

from chunking.merging.disagreements import SeamComparison
from chunking.merging.seam_cut import JoinedSeam, join_at_seam
from chunking.text.grapheme_words import to_graphemes
from chunking.types import Span, Word

SHARED = Span(25.0, 30.0)  # guards to 26 and from 29
SPEECH = (Span(20.0, 35.0),)


def said(*words: tuple[str, float, float], window: int = 0) -> tuple[Word, ...]:
    return tuple(
        Word(f" {text}", start, end, 0.9, (), window, n)
        for n, (text, start, end) in enumerate(words)
    )


def joined(
    left: tuple[Word, ...],
    right: tuple[Word, ...],
    *,
    evidence: tuple[Span, ...] | None = SPEECH,
    by_grapheme: bool = False,
    shared: Span = SHARED,
) -> JoinedSeam:
    middle = (shared.start + shared.end) / 2
    return join_at_seam(SeamComparison(left, right, shared, middle, by_grapheme, evidence))


@pytest.mark.parametrize(
    ("left", "right", "is_asked"),
    [
        ([("cat", 29.2, 29.5)], [("dog", 29.2, 29.5)], False),
        ([("cat", 29.2, 29.5), ("sat", 29.5, 29.8)], [("dog", 29.2, 29.8)], True),
        ([("cat", 29.2, 29.5)], [("a", 29.2, 29.3), ("dog", 29.3, 29.5)], True),
        ([("cat", 28.6, 28.9)], [("dog", 28.8, 29.5)], True),  # cat lies before the guard
        ([("cat", 28.6, 28.9)], [("dog", 29.2, 29.5)], False),
    ],
    ids=["one in a guard", "two on the left", "two on the right", "one outside", "not at once"],
)
def test_words_at_once_ask_for_a_repair_unless_an_edge_may_have_made_one(
    left, right, is_asked: bool
) -> None:
    found = joined(said(*left), said(*right, window=1))
    assert found.needs_repair is is_asked
    assert (found.status == "uncertain") is is_asked


def test_one_word_of_two_graphemes_is_one_word() -> None:
    left = to_graphemes(said(("東京", 29.55, 29.95)))
    right = to_graphemes(said(("北海", 29.55, 29.95), window=1))
    assert (len(left), len(right)) == (2, 2)
    assert not joined(left, right, by_grapheme=True).needs_repair


def test_a_word_stretched_over_what_was_passed_over_contradicts_nobody() -> None:
    left = said(("we", 26.8, 27.05), ("the", 27.1, 29.9))
    right = said(("cat", 28.2, 28.5), ("sat", 28.6, 28.9), ("down", 29.1, 29.4), window=1)
    found = joined(left, right, shared=Span(27.0, 30.0))
    assert (found.needs_repair, found.words) == (False, left + right)


def test_what_the_second_detector_does_not_hear_contradicts_nobody() -> None:
    left, right = said(("thanks", 28.3, 29.5)), said(("dog", 29.4, 29.8), window=1)
    assert joined(left, right).needs_repair
    found = joined(left, right, evidence=(Span(29.6, 30.0),))
    assert (found.needs_repair, found.words) == (False, right)
    assert not joined(left, right, evidence=()).needs_repair


@pytest.mark.parametrize(
    ("hello", "is_asked"),
    [
        ((26.3, 26.6), False),
        ((26.9, 27.2), True),  # two words perhaps: each side lost the other's
        ((26.2, 27.9), False),  # its end is late, as before a pause
        ((25.2, 26.5), False),  # its start is early
    ],
)
def test_the_only_word_in_common_is_said_at_one_time(hello, is_asked: bool) -> None:
    left = said(("hello", 26.2, 26.5), ("cat", 28.0, 28.3))
    right = said(("hello", *hello), ("dog", 28.1, 28.4), window=1)
    assert joined(left, right).needs_repair is is_asked


def test_words_in_a_row_are_an_anchor_however_late_a_clock_is() -> None:
    left = said(("hello", 26.2, 26.5), ("you", 26.5, 26.8), ("cat", 28.0, 28.3))
    right = said(("hello", 26.9, 27.2), ("you", 27.2, 27.5), ("dog", 28.1, 28.4), window=1)
    assert not joined(left, right).needs_repair
