from __future__ import annotations

from dataclasses import replace

from benchmarks.human.between import between_in
from chunking.types import Span
from tests.benchmarks.human.planted import SAID, heard, plant_study, recording

QUIET = Span(80.0, 120.0)


def test_words_in_the_middle_are_counted_and_so_is_what_is_lost_around_it() -> None:
    said = recording("music", "between", reference=" ".join((*SAID[:80], *SAID[120:])))
    said = replace(said, quiet=QUIET)
    around = [None if 80 <= n < 120 else word for n, word in enumerate(SAID)]
    made_up = [*around[:100], "you", *around[101:]]
    late = [*around[:80], "tail", *around[81:]]
    cut = [None if n in (79, 120) else word for n, word in enumerate(around)]
    counted = []
    for words in (around, made_up, late, cut):
        found = between_in(plant_study([said], {"ours": [heard(words)]}).ours.of("between"))
        counted.append((found.with_words, found.words, found.counts.deletions))
    assert counted == [(0, 0, 0), (1, 1, 0), (0, 0, 0), (0, 0, 2)]


def test_what_does_not_tell_where_nobody_speaks_is_left_out() -> None:
    found = plant_study([recording("a", "between")], {"ours": [heard(SAID)]})
    assert between_in(found.ours.of("between")).recordings == 0
