"""Which of the hypotheses of a beam search is expected to have the fewest errors.

The likeliest whole text need not be the one whose words are likeliest: hypotheses that differ in
timestamps or at one place agree on the others. The risk of a hypothesis is how many tokens it
differs from the others, each as probable as its likelihood says: minimum Bayes risk, over the
hypotheses that were found (Stolcke, Konig and Weintraub 1997).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein


def least_risk(texts: Sequence[Sequence[int]], logprobs: Sequence[float]) -> int:
    """Which text has the least expected edit distance; the first of equals. At least one.

    `logprobs`: how probable each is, in comparison with the others; finite.
    """
    top = max(logprobs)
    shares: dict[tuple[int, ...], float] = {}
    for text, logprob in zip(map(tuple, texts), logprobs, strict=True):
        shares[text] = shares.get(text, 0.0) + math.exp(logprob - top)
    risk = {
        text: sum(share * Levenshtein.distance(text, other) for other, share in shares.items())
        for text in shares
    }
    return min(range(len(texts)), key=lambda at: risk[tuple(texts[at])])
