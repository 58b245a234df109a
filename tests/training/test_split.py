"""A sentence is on one side of the split, whoever makes it."""

import random
from itertools import islice

from training.grammar import sentences, template_sentence
from training.split import normalised, purpose_of


def test_punctuation_and_case_do_not_move_a_sentence() -> None:
    assert normalised("The Dog, saw  it!") == "the dog saw it"
    assert purpose_of("The dog saw it.") == purpose_of("the dog, saw it")


def test_about_one_sentence_in_twenty_is_for_evaluation() -> None:
    chance = random.Random(0)
    made = [template_sentence(chance) for _ in range(4_000)]
    share = sum(purpose_of(sentence) == "evaluation" for sentence in made) / len(made)
    assert 0.03 < share < 0.07


def test_streams_of_the_two_purposes_share_no_sentence() -> None:
    trained = set(islice(sentences(random.Random(1), "training", random_share=0.4), 5_000))
    measured = set(islice(sentences(random.Random(1), "evaluation", random_share=0.4), 500))
    assert {normalised(s) for s in trained}.isdisjoint(normalised(s) for s in measured)
    assert all(purpose_of(sentence) == "evaluation" for sentence in measured)


def test_the_split_never_changes() -> None:
    sides = [purpose_of(f"sentence number {number}") for number in range(60)]
    assert [i for i, side in enumerate(sides) if side == "evaluation"] == KNOWN


KNOWN = [10, 54]
