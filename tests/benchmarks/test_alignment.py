from __future__ import annotations

import itertools
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from benchmarks.alignment import (
    SCLITE_COSTS,
    UNIT_COSTS,
    Alternative,
    Costs,
    Reference,
    align,
)
from benchmarks.scoring import count

edit_distance = Levenshtein.distance

WORDS = st.lists(st.sampled_from("abcd"), max_size=9).map(tuple)


def errors(reference: Reference, hypothesis: tuple[str, ...], costs: Costs = UNIT_COSTS) -> int:
    return count(align(reference, hypothesis, costs)).errors


def test_operations_and_positions() -> None:
    pairs = align(Reference(("a", "b", "c")), ("a", "x", "c", "d"))
    assert [(p.operation, p.position, p.hypothesis_index) for p in pairs] == [
        ("hit", 0, 0),
        ("substitution", 1, 1),
        ("hit", 2, 2),
        ("insertion", 3, 3),
    ]


def test_empty_reference_has_insertions_only() -> None:
    pairs = align(Reference(()), ("a", "b"))
    assert [p.operation for p in pairs] == ["insertion", "insertion"]


def test_empty_reference_under_weights() -> None:
    assert [p.hypothesis for p in align(Reference(()), ("a", "b"), SCLITE_COSTS)] == ["a", "b"]


@given(WORDS, WORDS)
def test_graph_and_plain_agree(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> None:
    # doubled unit costs take the graph's way to the same optimum
    doubled = errors(Reference(reference), hypothesis, Costs(2, 2, 2))
    assert (
        doubled == errors(Reference(reference), hypothesis) == edit_distance(reference, hypothesis)
    )


@given(WORDS, WORDS, st.data())
@settings(max_examples=60)
def test_alternatives_cost_as_much_as_the_best_reading(
    reference: tuple[str, ...], hypothesis: tuple[str, ...], data: st.DataObject
) -> None:
    alternatives = []
    position = 0
    while position < len(reference):
        end = data.draw(st.integers(position + 1, len(reference)))
        if data.draw(st.booleans()):
            alternatives.append(Alternative(position, end, data.draw(WORDS)[:3]))
        position = end
    readings = []
    for chosen in itertools.product((False, True), repeat=len(alternatives)):
        words = list(reference)
        for use, alternative in reversed(list(zip(chosen, alternatives, strict=True))):
            if use:
                words[alternative.start : alternative.end] = alternative.words
        readings.append(tuple(words))
    best = min(edit_distance(reading, hypothesis) for reading in readings)
    pairs = align(Reference(reference, tuple(alternatives)), hypothesis)
    assert count(pairs).errors == best
    assert [p.hypothesis for p in pairs if p.hypothesis is not None] == list(hypothesis)
    assert tuple(p.reference for p in pairs if p.reference is not None) in readings


def test_overlapping_alternatives() -> None:
    reference = Reference(("a", "b", "c"), (Alternative(0, 2, ("x",)), Alternative(1, 3, ("y",))))
    assert errors(reference, ("x", "c")) == 0
    assert errors(reference, ("a", "y")) == 0
    assert errors(reference, ("x", "y")) == 1


def test_weights_prefer_two_errors_of_three_over_one_substitution_and_more() -> None:
    # NIST's weights: a hit saved is worth a deletion and an insertion instead of two substitutions
    pairs = align(Reference(("a", "b")), ("b", "c"), SCLITE_COSTS)
    assert [p.operation for p in pairs] == ["deletion", "hit", "insertion"]


def test_alternative_replaces_words() -> None:
    with pytest.raises(ValueError, match="one word or more"):
        Alternative(2, 2, ("a",))
    with pytest.raises(ValueError, match="beyond the last word"):
        Reference(("a",), (Alternative(0, 2, ()),))


def test_errors_cost_something() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Costs(insertion=0)


def test_thirty_thousand_words_in_two_hundred_megabytes() -> None:
    rng = random.Random(7)
    spoken = [f"w{rng.randrange(4000)}" for _ in range(30_000)]
    heard = [w for w in spoken if rng.random() > 0.05]
    for _ in range(1500):
        heard[rng.randrange(len(heard))] = "other"
    tracemalloc.start()
    pairs = align(Reference(tuple(spoken)), heard)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count(pairs).errors == edit_distance(spoken, heard)
    assert peak < 200e6
