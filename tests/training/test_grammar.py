"""Sentences are made of known words; random strings can be told by sound alone."""

import random
import re
from itertools import islice, pairwise

import pytest

from training import lexicon
from training.grammar import RULES, SLOT, random_string, sentences, template_sentence


def words_of(sentence: str) -> list[str]:
    return re.sub(r"[.,?]", "", sentence).split()


def test_every_slot_has_a_rule() -> None:
    slots = {slot for rules in RULES.values() for rule in rules for slot in SLOT.findall(rule)}
    assert slots <= set(RULES)


def test_template_sentences_use_known_words_only() -> None:
    known = {word.lower() for word in lexicon.LEXICON}
    chance = random.Random(3)
    used = {w.lower() for _ in range(3_000) for w in words_of(template_sentence(chance))}
    assert used <= known


def test_random_strings_hold_no_words_that_sound_alike() -> None:
    chance = random.Random(4)
    used = {w.lower() for _ in range(500) for w in words_of(random_string(chance))}
    assert used.isdisjoint(lexicon.SOUND_ALIKE)


def test_two_numbers_never_stand_side_by_side() -> None:
    numbers = {*lexicon.NUMBER_WORDS, *lexicon.NUMBER_FIGURES}
    chance = random.Random(5)
    for _ in range(1_000):
        is_number = [word.lower() in numbers for word in words_of(random_string(chance))]
        assert not any(a and b for a, b in pairwise(is_number))


def test_evaluated_sentences_are_long_enough_to_be_new() -> None:
    made = islice(sentences(random.Random(6), "evaluation"), 200)
    assert min(len(sentence.split()) for sentence in made) >= 4


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_sentences_end_with_a_mark_and_start_large(share: float) -> None:
    for sentence in islice(sentences(random.Random(7), "training", random_share=share), 100):
        assert sentence[-1] in ".?"
        assert sentence[0] == sentence[0].upper()
