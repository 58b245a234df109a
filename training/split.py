"""Which sentences are for training and which only for measuring: decided by the sentence itself.

No list of sentences is kept: a hash of the words decides, so that a sentence can never be on both
sides, whatever seed, voice or program made it.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Literal

Purpose = Literal["training", "evaluation"]

EVALUATION_SHARE = 20  # one sentence in so many is never trained on
NOT_A_WORD = re.compile(r"[^a-z0-9' ]+")


def normalised(sentence: str) -> str:
    """Lower case, no punctuation, single spaces: what makes two sentences the same."""
    return " ".join(NOT_A_WORD.sub(" ", sentence.lower()).split())


def purpose_of(sentence: str) -> Purpose:
    """The side a sentence belongs to; the same on every machine, for ever."""
    digest = blake2b(normalised(sentence).encode(), digest_size=8).digest()
    is_evaluation = int.from_bytes(digest, "big") % EVALUATION_SHARE == 0
    return "evaluation" if is_evaluation else "training"
