"""Windows hold what their labels say, to the sample."""

import itertools
import random

import numpy as np
import pytest

from training.acoustics import Conditions, worn
from training.synthesis import Phoneme, Spoken, SpokenWord
from training.windows import WindowStyle, begun_inside, compose, stretched

WORD = 0.4  # seconds of each planted word
STILL = Conditions(echo=0.0, noise=0.0, colour=0.0)
PLAIN = WindowStyle(
    silent=0.0, starts_inside=0.0, ends_early=0.0, stretched=0.0, long_gap=0.0, conditions=STILL
)


def planted(*texts: str) -> Spoken:
    """A sentence whose every word is a block of constant sound."""
    samples = np.full(int(len(texts) * WORD * 16_000), 8_000, np.int16)
    words = [SpokenWord(t, i * WORD, (i + 1) * WORD) for i, t in enumerate(texts)]
    return Spoken(samples, tuple(words), tuple(Phoneme(t, i * WORD) for i, t in enumerate(texts)))


BANK = [planted("one"), planted("the", "dog"), planted("we", "saw", "the", "cat")]


@pytest.mark.parametrize("seed", range(8))
def test_sound_is_where_the_words_are_and_nowhere_else(seed: int) -> None:
    window = compose(BANK, 6.0, PLAIN, random.Random(seed))
    is_word = np.zeros(len(window.sound), bool)
    for utterance in window.utterances:
        is_word[
            round(utterance.words[0].start * 16_000) : round(utterance.words[-1].end * 16_000)
        ] = True
    cut = [u for u in window.utterances if u.is_cut]
    heard = np.abs(window.sound) > 1e-6
    if cut:  # the rest of a cut sentence sounds but is not labelled
        judged = round(cut[-1].words[-1].end * 16_000)
    else:  # nor is one of whose first word the window's end leaves a part
        judged = len(heard) - next(i for i, x in enumerate((heard & ~is_word)[::-1]) if not x)
        assert len(heard) - judged < WORD * 16_000
    assert (heard != is_word)[:judged].sum() <= 4 * max(1, len(window.utterances))


@pytest.mark.parametrize("seed", range(20))
def test_words_end_inside_the_window_and_follow_each_other(seed: int) -> None:
    window = compose(BANK, 3.0, PLAIN, random.Random(seed))
    words = [word for utterance in window.utterances for word in utterance.words]
    assert all(0.0 <= word.start < word.end <= 3.0 for word in words)
    assert all(a.end <= b.start + 1e-6 for a, b in itertools.pairwise(words))
    assert all(not utterance.is_cut for utterance in window.utterances[:-1])


def test_silent_windows_have_no_words() -> None:
    style = WindowStyle(silent=1.0)
    sounds = [compose(BANK, 3.0, style, random.Random(seed)) for seed in range(12)]
    assert all(not window.utterances for window in sounds)
    assert any(not window.sound.any() for window in sounds)
    assert any(window.sound.any() for window in sounds)


def test_a_window_may_begin_inside_a_sentence() -> None:
    style = WindowStyle(silent=0.0, starts_inside=1.0, stretched=0.0, conditions=STILL)
    window = compose([BANK[2]], 10.0, style, random.Random(1))
    first = window.utterances[0]
    assert first.words[0].start == pytest.approx(0.0)
    assert (*first.missing, *(w.text for w in first.words)) == ("we", "saw", "the", "cat")
    assert first.missing


def test_begun_inside_keeps_sound_and_times_together() -> None:
    rest, missing = begun_inside(BANK[2], random.Random(2))
    assert len(rest.samples) == round(len(rest.words) * WORD * 16_000)
    assert rest.words[0].start == 0.0
    assert len(missing) + len(rest.words) == 4


def test_stretching_moves_times_with_the_sound() -> None:
    faster = stretched(BANK[1], 1.25)
    assert len(faster.samples) == int(len(BANK[1].samples) / 1.25)
    assert faster.words[1].start == pytest.approx(WORD / 1.25)


def test_windows_repeat_from_a_seed() -> None:
    first, second = (compose(BANK, 5.0, WindowStyle(), random.Random(3)) for _ in range(2))
    np.testing.assert_array_equal(first.sound, second.sound)
    assert first.utterances == second.utterances


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(echo=1.0, noise=0.0, colour=0.0, clean=0.0),
        Conditions(echo=0.0, noise=1.0, colour=0.0, clean=0.0),
        Conditions(echo=0.0, noise=0.0, colour=1.0, clean=0.0),
    ],
)
def test_wear_changes_sound_but_not_its_length_or_bounds(conditions: Conditions) -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    tone = np.sin(np.arange(16_000) / 5).astype(np.float32) * np.float32(0.3)
    heard = worn(tone, conditions, generator)
    assert heard.shape == tone.shape
    assert heard.dtype == np.float32
    assert np.abs(heard).max() <= 1.0
    correlation = np.corrcoef(heard, tone)[0, 1]
    assert 0.3 < correlation < 0.99999


def test_speech_goes_on_behind_pauses_longer_than_half_a_window() -> None:
    chance = random.Random(5)
    style = WindowStyle(conditions=STILL)
    pauses = [
        after.words[0].start - before.words[-1].end
        for _ in range(300)
        for before, after in itertools.pairwise(compose(BANK, 30.0, style, chance).utterances)
    ]
    longest = [pause for pause in pauses if pause > 10.0]
    assert len(longest) > 30
    assert max(longest) > 15.0


def test_many_windows_are_silent_before_the_first_sentence() -> None:
    """However long they are: a decoder meets that after every pause."""
    style = WindowStyle(silent=0.0, starts_inside=0.0)
    for seconds in (6.0, 30.0):
        windows = [compose(BANK, seconds, style, random.Random(seed)) for seed in range(200)]
        starts = [w.utterances[0].words[0].start for w in windows if w.utterances]
        assert len(starts) > 180
        late = sum(start > seconds / 6 for start in starts)
        assert 50 < late < 120
