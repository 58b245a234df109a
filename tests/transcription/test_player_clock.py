import pytest

from decoding.types import SAMPLE_RATE
from transcription.player_clock import (
    HOUR,
    MOST_GAP,
    MOST_SILENCE,
    SILENCE_OF_ANY_FILE,
    PlayerClock,
    most_silence,
)

SECOND = SAMPLE_RATE


def test_blocks_that_follow_each_other_take_no_silence():
    clock = PlayerClock(HOUR)
    assert [clock.place(1000 * n, SECOND) for n in range(5)] == [0] * 5
    assert clock.seconds == 5
    assert clock.warnings() == []


def test_a_gap_becomes_silence_once():
    clock = PlayerClock(HOUR)
    clock.place(0, SECOND)
    assert clock.place(31_000, SECOND) == 30 * SECOND
    assert clock.place(32_000, SECOND) == 0
    assert clock.seconds == 33
    assert "no sound from 1.0 to 31.0 s" in clock.warnings()[0]


def test_sound_that_starts_late_is_no_gap():
    clock = PlayerClock(HOUR, start=1.5)
    assert clock.place(2500, SECOND) == 4 * SECOND
    assert clock.warnings() == []


def test_jitter_of_a_network_takes_no_silence():
    clock = PlayerClock(HOUR)
    dues = [0, 1030, 1990, 3040, 3980]
    assert sum(clock.place(due, SECOND) for due in dues) == 0


def test_a_slow_clock_is_followed():
    """An hour of a sound card that gives one sample too few in ten thousand."""
    clock = PlayerClock(HOUR)
    for second in range(3600):
        clock.place(round(second * 1000.1), SECOND)
    assert clock.seconds == pytest.approx(3600.36, abs=0.05)
    assert clock.warnings() == []


def test_what_comes_too_early_is_kept():
    clock = PlayerClock(HOUR)
    clock.place(0, 10 * SECOND)
    assert clock.place(3000, 10 * SECOND) == 0
    assert clock.seconds == 20
    assert clock.place(21_000, SECOND) == SECOND


def test_a_lying_table_is_not_filled():
    clock = PlayerClock(most_silence(32_000))
    for n in range(44):
        clock.place(n * 82_000_000, 1024)
    assert clock.seconds == pytest.approx(44 * 1024 / SAMPLE_RATE)
    assert "jumps by 82000 s" in clock.warnings()[0]


def test_a_lie_of_a_few_minutes_for_every_block_is_not_filled():
    clock = PlayerClock(most_silence(32_000))
    for n in range(44):
        clock.place(n * 225_000, 371)
    assert clock.seconds == pytest.approx(44 * 371 / SAMPLE_RATE)


def test_who_spoke_a_minute_may_be_silent_for_most_of_an_hour():
    clock = PlayerClock(most_silence(60 * 4000))
    clock.place(0, 60 * SECOND)
    assert clock.place(3_500_000, SECOND) == 3440 * SECOND
    assert len(clock.warnings()) == 1


def test_who_joins_late_is_late():
    clock = PlayerClock(most_silence(1000))
    assert clock.place(3_000_000, SECOND) == 3000 * SECOND


def test_gaps_behind_one_that_is_not_believed_are():
    clock = PlayerClock(HOUR)
    clock.place(0, SECOND)
    assert clock.place(9_000_000, SECOND) == 0
    assert clock.place(9_004_000, SECOND) == 3 * SECOND
    assert len(clock.warnings()) == 2


def test_many_small_gaps_are_bounded_too():
    clock = PlayerClock(most_silence(1000))
    for n in range(100):
        clock.place(n * 600_000, SECOND)
    assert clock.seconds <= SILENCE_OF_ANY_FILE + 1000 / 750 + 100


def test_silence_grows_with_the_bytes_of_a_file_up_to_a_bound():
    assert most_silence(0) == SILENCE_OF_ANY_FILE
    assert most_silence(750 * 600) == SILENCE_OF_ANY_FILE + 600
    assert most_silence(1 << 40) == MOST_SILENCE
    assert MOST_GAP <= SILENCE_OF_ANY_FILE
