from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.alignment import Reference, align
from benchmarks.symptoms import (
    Bin,
    Symptoms,
    duplicate_ngrams,
    errors_by_seam_distance,
    errors_per_minute,
    find_symptoms,
    repeated_ngrams,
)


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def test_a_loop_is_counted_once_for_each_extra_round() -> None:
    said = words("thank you very much indeed friends")
    heard = words("thank you very much indeed thank you very much indeed friends")
    assert repeated_ngrams(said, heard) == 1
    assert duplicate_ngrams(heard) == 1


def test_repeats_that_were_said_do_not_count() -> None:
    said = words("thank you for your question and thank you for your question")
    assert repeated_ngrams(said, said) == 0
    assert duplicate_ngrams(said) == 1


def test_runs() -> None:
    said, heard = words("a b c d e f g h i j k"), words("a f g h x y i j k")
    found = find_symptoms(align(Reference(said), heard))
    assert found == Symptoms(longest_insertion=2, longest_deletion=4, lost_runs=1)


def test_pooling_adds_counts_and_keeps_the_longest_run() -> None:
    total = Symptoms(repeated_ngrams=1, longest_deletion=3, lost_runs=1) + Symptoms(
        repeated_ngrams=2, longest_deletion=7, lost_runs=2
    )
    assert total == Symptoms(repeated_ngrams=3, longest_deletion=7, lost_runs=3)


def test_errors_per_minute() -> None:
    pairs = align(Reference(words("a b c")), words("a x c d"))
    assert errors_per_minute(pairs, (5.0, 59.0, 61.0, 130.0)) == (
        Bin(0.0, 60.0, 1, 2),
        Bin(60.0, 120.0, 0, 1),
        Bin(120.0, 180.0, 1, 0),
    )
    assert errors_per_minute(pairs, (None,) * 4) == ()


def test_errors_by_distance_from_the_nearest_seam() -> None:
    pairs = align(Reference(words("a b c")), words("x b y"))
    bins = errors_by_seam_distance(pairs, (9.8, 15.0, 40.0), (10.0, 30.0))
    assert [(b.start, b.errors, b.words) for b in bins if b.words] == [
        (0.0, 1, 1),
        (4.0, 0, 1),
        (8.0, 1, 1),
    ]
    assert errors_by_seam_distance(pairs, (1.0, 2.0, 3.0), ()) == ()


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.lists(st.floats(0, 100), max_size=8))
def test_every_word_is_placed_by_its_nearest_seam(seams: list[float], times: list[float]) -> None:
    said = tuple(f"w{n}" for n in range(len(times)))
    pairs = align(Reference(said), said)
    bins = errors_by_seam_distance(pairs, times, seams)
    nearest = [min(abs(time - seam) for seam in seams) for time in times]
    expected = [sum(b.start <= distance < b.end for distance in nearest) for b in bins]
    assert [b.words for b in bins] == expected
