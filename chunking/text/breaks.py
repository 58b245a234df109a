"""Where a run of words may be broken for readers, and where it is broken best.

Knows sentences by their punctuation alone, in any script; knows nothing of segments or cues.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import regex  # type: ignore[import-untyped]  # ships no types

from chunking.text.word_keys import breaks_grapheme
from chunking.types import Word

SENTENCE_END = regex.compile(
    r"""[.!?。！？．｡।॥؟۔…‥។၊။]+  ["'”’»›」』）)\]]*  \s* $""", regex.VERBOSE
)
CLAUSE_END = regex.compile(r"""[,;:，、；：،؛—–]  ["'”’»›」』）)\]]*  \s* $""", regex.VERBOSE)
SPACELESS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}]")
NEVER_FIRST = regex.compile(r"[\p{Pe}\p{Pf}\p{Po}ー々]")
ABBREVIATION = regex.compile(
    r"""^\s* ["'“(\[]* (?: \p{L}\. (?:\p{L}\.)*
        | (?i:mr|mrs|ms|dr|prof|st|vs|no|jr|sr|etc|inc|ltd|co|approx|fig|gen|rev|hon)\. ) $""",
    regex.VERBOSE,
)


def ends_sentence(word: Word) -> bool:
    """Whether a sentence ends with `word`; initials and titles end none."""
    text = word.text
    return bool(SENTENCE_END.search(text)) and not ABBREVIATION.match(text.rstrip())


def can_break(before: Word, after: Word) -> bool:
    """Whether a reader accepts a break between both: at a blank, or anywhere in some scripts."""
    if breaks_grapheme(before.text, after.text):
        return False
    if before.text[-1:].isspace() or after.text[:1].isspace():
        return True
    if NEVER_FIRST.match(after.text):
        return False
    return bool(SPACELESS.search(before.text[-1:] + after.text[:1]))


CLAUSE_BONUS = 1.0
SENTENCE_BONUS = 2.0
PAUSE_WEIGHT = 2.0
PAUSE_LIMIT = 0.5
FULLNESS_WEIGHT = 1.0
SHORT_START = -2.0
"""A short rest behind the break is better than a short start before it."""
INSIDE_WORD = -100.0
"""The last resort, for text without any blank."""


def best_break(words: Sequence[Word]) -> int:
    """Where to break too long a run of words: after so many of them; 0 if nowhere."""
    total = sum(len(word.text) for word in words)
    best_place, best_score = 0, float("-inf")
    so_far = 0
    for place, (before, after) in enumerate(pairwise(words), 1):
        so_far += len(before.text)
        if breaks_grapheme(before.text, after.text):
            continue
        fullness = so_far / max(total, 1)
        score = FULLNESS_WEIGHT * fullness + (SHORT_START if fullness < 1 / 3 else 0.0)
        score += PAUSE_WEIGHT * min(max(after.start - before.end, 0.0), PAUSE_LIMIT)
        score += SENTENCE_BONUS * ends_sentence(before)
        score += CLAUSE_BONUS * bool(CLAUSE_END.search(before.text))
        score += 0.0 if can_break(before, after) else INSIDE_WORD
        if score >= best_score:
            best_place, best_score = place, score
    return best_place
