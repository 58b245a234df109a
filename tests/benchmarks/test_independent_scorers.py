"""Our counts beside jiwer's and beside a textbook dynamic programme that shares no code with us."""

from __future__ import annotations

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.alignment import SCLITE_COSTS, UNIT_COSTS, Costs, Reference, align
from benchmarks.scoring import pool, pool_characters, score

WORDS = st.lists(st.sampled_from(["a", "b", "ab", "c", "ca"]), max_size=12)
SPOKEN = WORDS.filter(bool)


def cheapest(reference: list[str], hypothesis: list[str], costs: Costs) -> int:
    """Wagner and Fischer's table, cell by cell."""
    above = [n * costs.insertion for n in range(len(hypothesis) + 1)]
    for said in reference:
        row = [above[0] + costs.deletion]
        for n, heard in enumerate(hypothesis):
            across = above[n] + (0 if said == heard else costs.substitution)
            row.append(min(across, above[n + 1] + costs.deletion, row[n] + costs.insertion))
        above = row
    return above[-1]


@pytest.mark.parametrize(
    "costs", [UNIT_COSTS, SCLITE_COSTS, Costs(3, 2, 1), Costs(1, 4, 2)], ids=str
)
@given(reference=WORDS, hypothesis=WORDS)
def test_no_alignment_is_cheaper(costs: Costs, reference: list[str], hypothesis: list[str]) -> None:
    price = {
        "hit": 0,
        "substitution": costs.substitution,
        "deletion": costs.deletion,
        "insertion": costs.insertion,
    }
    pairs = align(Reference(tuple(reference)), hypothesis, costs)
    assert [p.reference for p in pairs if p.reference is not None] == reference
    assert [p.hypothesis for p in pairs if p.hypothesis is not None] == hypothesis
    assert sum(price[p.operation] for p in pairs) == cheapest(reference, hypothesis, costs)


@given(st.lists(st.tuples(SPOKEN, WORDS), min_size=1, max_size=5))
def test_pooled_counts_are_those_of_jiwer(texts: list[tuple[list[str], list[str]]]) -> None:
    said = [" ".join(reference) for reference, _ in texts]
    heard = [" ".join(hypothesis) for _, hypothesis in texts]
    ours = [score(a, b, "none") for a, b in zip(said, heard, strict=True)]
    words, letters = jiwer.process_words(said, heard), jiwer.process_characters(said, heard)
    counts, characters = pool(ours), pool_characters(ours)
    assert counts.error_rate == pytest.approx(words.wer)
    assert counts.errors == words.substitutions + words.deletions + words.insertions
    assert counts.hits == words.hits
    assert counts.information_lost == pytest.approx(words.wil)
    assert characters.error_rate == pytest.approx(letters.cer)
