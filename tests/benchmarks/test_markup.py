from __future__ import annotations

import pytest

from benchmarks.alignment import Alternative, Reference
from benchmarks.markup import (
    MarkupError,
    SynonymRules,
    choice,
    parse_reference,
)
from benchmarks.normalizers import normalizer_named
from benchmarks.scoring import ScoringOptions, score_with

NONE = normalizer_named("none")
CHOICES = ScoringOptions("none", has_choices=True)


def errors(reference: str, hypothesis: str) -> int:
    return score_with(reference, hypothesis, CHOICES).words.errors


def test_plain_text_has_no_alternatives() -> None:
    assert parse_reference("a b", NONE) == Reference(("a", "b"))


def test_choice_of_readings() -> None:
    assert parse_reference("a { b / c d } e", NONE) == Reference(
        ("a", "b", "e"), (Alternative(1, 2, ("c", "d")),)
    )


def test_nothing_as_a_reading() -> None:
    assert errors("a { @ / um } b", "a b") == 0
    assert errors("a { @ / um } b", "a um b") == 0
    assert errors("a { um / @ } b", "a er b") == 1


def test_nested_choices() -> None:
    reference = "a { b / cd / { g h i / gh i / g ih } bd } e"
    for heard in ("a b e", "a cd e", "a g h i bd e", "a gh i bd e", "a g ih bd e"):
        assert errors(reference, heard) == 0
    assert errors(reference, "a g h i e") == 1


def test_words_of_the_chosen_reading_are_counted() -> None:
    assert score_with("a { b / c d e } f", "a c d e f", CHOICES).reference_length == 5
    assert score_with("a { b / c d e } f", "a b f", CHOICES).reference_length == 3


def test_choice_is_written_so_that_it_reads_back() -> None:
    written = choice([("twenty",), (), ("2", "0")])
    assert written == "{ twenty / @ / 2 0 }"
    assert choice([("one",), ("one",)]) == "one"
    assert parse_reference(written, NONE).alternatives == (
        Alternative(0, 1, ()),
        Alternative(0, 1, ("2", "0")),
    )


def test_readings_are_normalised_each_by_itself() -> None:
    reference = parse_reference(
        "He paid { $20 / twenty dollars }", normalizer_named("multilingual")
    )
    assert reference.words == ("he", "paid", "20")
    assert reference.alternatives == (Alternative(2, 3, ("twenty", "dollars")),)


@pytest.mark.parametrize("text", ["a { b / c", "a } b"])
def test_braces_that_do_not_match(text: str) -> None:
    with pytest.raises(MarkupError, match="brace"):
        parse_reference(text, NONE)


def test_too_many_readings() -> None:
    with pytest.raises(MarkupError, match="readings"):
        parse_reference("{ x " + "{ a / b } " * 7 + "}", NONE)


def test_synonyms_go_one_way() -> None:
    rules = SynonymRules.parse("# comment\n\nit's | it is\nokay | ok ; 'kay\n")
    options = ScoringOptions("none", synonyms=rules)
    assert score_with("it's okay", "it is ok", options).words.errors == 0
    assert score_with("it's okay", "it is 'kay", options).words.errors == 0
    assert score_with("it is ok", "it's okay", options).words.errors == 3


def test_synonyms_inside_alternatives() -> None:
    rules = SynonymRules.parse("ten | 10")
    options = ScoringOptions("none", has_choices=True, synonyms=rules)
    assert score_with("{ $10 / ten dollars }", "10 dollars", options).words.errors == 0


def test_synonyms_do_not_reach_out_of_a_choice() -> None:
    options = ScoringOptions("none", has_choices=True, synonyms=SynonymRules.parse("i will | i'll"))
    reference = "i { will shakespeare / william shakespeare }"
    assert score_with(reference, "i'll shakespeare", options).words.errors == 2


def test_rule_without_a_bar() -> None:
    with pytest.raises(MarkupError, match="bar"):
        SynonymRules.parse("it is it's")
