"""The scoring error of the first experiment, rebuilt on words, and what it hides.

It cut both texts to the shorter one and compared position with position. See ANCHORS.md.
"""

from __future__ import annotations

import pytest

from benchmarks.scoring import score

SAID = "one two three four five six seven eight nine ten"


def rate_by_position(reference: str, hypothesis: str) -> float:
    """The notebook's rate: no alignment, and what has no partner is not looked at."""
    pairs = list(zip(reference.split(), hypothesis.split(), strict=False))
    return sum(said != heard for said, heard in pairs) / len(pairs)


def test_a_lost_half_is_not_seen() -> None:
    heard = " ".join(SAID.split()[:5])
    assert rate_by_position(SAID, heard) == 0.0
    assert score(SAID, heard, "none").wer == pytest.approx(0.5)


def test_one_word_too_many_ruins_everything_after_it() -> None:
    heard = f"well {SAID}"
    assert rate_by_position(SAID, heard) == 1.0
    assert score(SAID, heard, "none").wer == pytest.approx(0.1)
