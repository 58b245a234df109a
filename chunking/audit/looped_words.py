"""Words that a recogniser writes without hearing them, so that they have no time.

It goes on writing where no sound is left, mostly what it wrote before: these stand on one spot at
the end of their window. Or it says one word once too often. What is said takes time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, pairwise

from chunking.text.word_duration import is_overlong
from chunking.text.word_keys import key
from chunking.types import Word

CROWD = 5
SHORTEST_WORD = 0.05
"""Nobody says `CROWD` words in a row at less than this many seconds each."""
LATE_WORDS = 2
"""So many in the last `SHORTEST_WORD` of a window are not said in it: one may be cut there."""
LONGEST_LOOP = 24
"""Words of a loop at most; of two at least, for one word's repeats are hard to tell in time."""
NO_TIME = 0.02
DOUBTFUL = 0.5
"""One word's repeat has less time than alignment can give, and a lower probability."""


def drop_looped(words: Sequence[Word]) -> Sequence[Word]:
    """A window's `words` without those that say again, in no time of their own, what stands before
    them: word for word at its end, one doubtful word anywhere."""
    words = _without_stutter(words)
    first = _first_without_time(words)
    tail = len(words) - first
    if tail < CROWD:
        return words
    names = [key(word.text) for word in words[max(0, first - LONGEST_LOOP) :]]
    for length in range(2, len(names) - tail + 1):
        loop = names[-tail - length : -tail]
        if len(set(loop)) > 1 and names[-tail:] == names[-tail - length : -length]:
            return words[:first]
    return words


def drop_written_on(words: Sequence[Word], end: float) -> Sequence[Word]:
    """`words` of a window that ends at `end` without those that stand there on one spot, looped or
    not: digits are read, and the model counts on when the sound is over.

    They stay behind a word that lasts too long to be all that was said, for it may have their time.
    """
    first = _first_without_time(words)
    is_late = first < len(words) and end - words[first].start < SHORTEST_WORD
    num_late = sum(any(map(str.isalnum, word.text)) for word in words[first:])
    if not is_late or num_late < LATE_WORDS or not first or is_overlong(words[first - 1]):
        return words
    return words[:first]


def _first_without_time(words: Sequence[Word]) -> int:
    """From which word on, to the end, all stand where there is no time for one."""
    first = len(words)
    while first and words[-1].end - words[first - 1].start < SHORTEST_WORD:
        first -= 1
    return first


def _without_stutter(words: Sequence[Word]) -> Sequence[Word]:
    """`words` without the doubtful ones that only say again the word before, in no time."""
    is_new = [True] + [
        now.end - now.start >= NO_TIME
        or now.probability >= DOUBTFUL
        or key(now.text) != key(before.text)
        for before, now in pairwise(words)
    ]
    return words if all(is_new) else tuple(compress(words, is_new))
