"""Which of the hypotheses of a beam search is expected to have the fewest errors.

The likeliest whole text need not be the one whose words are likeliest: hypotheses that differ in
timestamps, or at one place, agree on the others. The risk of a text is the sum of its edit
distances to all texts that were found, each weighed by how probable it is among them (minimum Bayes
risk over an n-best list: Stolcke, Konig and Weintraub, "Explicit word error minimization in n-best
list rescoring", Eurospeech 1997; there of words, here of tokens).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from rapidfuzz.distance import Levenshtein


def least_risk(texts: Sequence[Sequence[int]], logprobs: Sequence[float]) -> int:
    """Which text has the least risk; the first of equals. There is at least one.

    `logprobs`: the log of how probable each is, all of them but for the same constant; finite. The
    same text several times is as probable as all of them together.
    """
    top = max(logprobs)
    shares: dict[tuple[int, ...], float] = {}
    for text, logprob in zip(map(tuple, texts), logprobs, strict=True):
        shares[text] = shares.get(text, 0.0) + math.exp(logprob - top)
    risks = dict.fromkeys(shares, 0.0)
    for one, other in combinations(shares, 2):
        distance = Levenshtein.distance(one, other)
        risks[one] += shares[other] * distance
        risks[other] += shares[one] * distance
    return min(range(len(texts)), key=lambda at: risks[tuple(texts[at])])
