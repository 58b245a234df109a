"""The synthesiser's times are where its sound is, and it repeats itself exactly."""

import numpy as np
import pytest

from training.synthesis import fresh_synthesiser, resampled, synthesiser
from training.voices import HELD_OUT, TRAINED, Voice

TEXT = "The first question is about the old garden."


def loudness(samples: np.ndarray, start: float, end: float) -> float:
    part = samples[int(start * 16_000) : int(end * 16_000)].astype(float)
    return float(np.sqrt((part**2).mean()))


def test_words_come_back_in_order_with_their_times() -> None:
    spoken = synthesiser().speak(TEXT, Voice("en-us+m3"))
    assert [word.text for word in spoken.words] == TEXT.split()
    for word, following in zip(spoken.words, spoken.words[1:], strict=False):
        assert word.start < word.end <= following.start + 1e-9
    assert spoken.words[-1].end <= spoken.duration


def test_a_pause_is_no_part_of_the_word_before_it() -> None:
    spoken = synthesiser().speak("We have seven, the server is down.", Voice("en-us"))
    seven, the = spoken.words[2], spoken.words[3]
    assert the.start - seven.end > 0.05
    inside = loudness(spoken.samples, seven.start, seven.end)
    assert loudness(spoken.samples, seven.end + 0.03, the.start - 0.02) < inside / 5


def test_phonemes_lie_within_the_sound() -> None:
    spoken = synthesiser().speak(TEXT, Voice("en"))
    starts = [phoneme.start for phoneme in spoken.phonemes]
    assert starts == sorted(starts)
    assert len(starts) > 2 * len(spoken.words)


def test_a_fresh_synthesiser_repeats_itself_bit_for_bit() -> None:
    voices = [Voice(name) for name in (*TRAINED[:4], *HELD_OUT)]
    heard = []
    for _ in range(2):
        with fresh_synthesiser() as voice_box:
            heard.append([voice_box.speak(TEXT, voice).samples for voice in voices])
    for first, second in zip(*heard, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", sorted({*TRAINED, *HELD_OUT}))
def test_every_voice_exists(name: str) -> None:
    assert synthesiser().speak("Hello.", Voice(name)).duration > 0.2


def test_unknown_voice_is_refused() -> None:
    with pytest.raises(ValueError, match="no voice 'xx-none'"):
        synthesiser().speak(TEXT, Voice("xx-none"))


def test_empty_text_is_refused() -> None:
    with pytest.raises(ValueError, match="a word to speak"):
        synthesiser().speak("  ", Voice("en"))


def test_faster_voices_take_less_time() -> None:
    slow = synthesiser().speak(TEXT, Voice("en-us", rate=130))
    fast = synthesiser().speak(TEXT, Voice("en-us", rate=200))
    assert fast.duration < 0.8 * slow.duration


def test_resampling_keeps_a_tone_and_drops_what_is_too_high() -> None:
    times = np.arange(22_050) / 22_050
    tone = np.sin(2 * np.pi * 440 * times) * 10_000
    hiss = np.sin(2 * np.pi * 10_000 * times) * 10_000
    kept = resampled((tone + hiss).astype(np.int16), 22_050)
    wanted = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000) * 10_000
    assert len(kept) == 16_000
    assert np.abs(kept[500:-500] - wanted[500:-500]).max() < 200


def test_no_held_out_voice_is_trained() -> None:
    assert set(TRAINED).isdisjoint(HELD_OUT)
    variants = {name.partition("+")[2] for name in TRAINED}
    assert all(name.partition("+")[2] not in variants for name in HELD_OUT)
