"""Word times with official weights and their alignment heads, against openai-whisper's.

Ours go through the same function on the same tokens. Both come from attention in frames of 20 ms:
where two frames fit a word equally well, single precision decides, so that a time may lie one frame
apart (half a frame is added because both are rounded to 10 ms).
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.speed.systems import sound
from decoding.timing import token_alignment
from decoding.timing.words import split_at_timestamps
from decoding.types import Clip, DecodingOptions, Expected
from tests.decoding.oracle import openai_words
from tests.real.official import as_float, window_of

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]

FRAME_SECONDS = 0.02
ROUNDING_SECONDS = 0.01


@pytest.fixture
def no_faint_frames(monkeypatch):
    """openai-whisper's own rule, without ours for frames that no token looks at."""
    monkeypatch.setattr(token_alignment, "FAINT", 0.0)


def both(official, samples):
    """The words of a window by us, and openai-whisper's of the same tokens."""
    ours = official.decode(samples, language="en", temperatures=(0.0,))
    vocabulary = official.loaded.vocabulary
    tokenizer = vocabulary.tokenizer("en", "transcribe")
    found = split_at_timestamps(ours.tokens, vocabulary, len(samples) / 16_000)
    theirs = openai_words(official.oracle, tokenizer, as_float(samples), found)
    assert [word.text for word in ours.words] == [word["word"] for word in theirs]
    assert len(theirs) > 15
    return list(zip(ours.words, theirs, strict=True))


def furthest(pairs):
    return max(
        max(abs(ours.start - theirs["start"]), abs(ours.end - theirs["end"]))
        for ours, theirs in pairs
    )


@pytest.mark.usefixtures("no_faint_frames")
@pytest.mark.parametrize("name", ["base", "tiny.en"])
def test_times_of_a_persons_words(official, name):
    pairs = both(official(name), window_of("jfk/jfk.flac"))
    assert furthest(pairs) <= FRAME_SECONDS + ROUNDING_SECONDS
    for ours, theirs in pairs:
        assert ours.probability == pytest.approx(theirs["probability"], abs=1e-3)


@pytest.mark.usefixtures("no_faint_frames")
def test_times_of_synthetic_words(base):
    pairs = both(base, sound.stretches()[0])
    assert furthest(pairs) <= FRAME_SECONDS + ROUNDING_SECONDS


def test_our_rule_for_faint_frames_moves_a_word_behind_a_pause_alone(base):
    """Measured: " ask", after 1.2 s in which nobody speaks, begins 0.12 s later."""
    pairs = both(base, window_of("jfk/jfk.flac"))
    for (before, _), (word, theirs) in pairwise(pairs):
        if furthest([(word, theirs)]) > FRAME_SECONDS + ROUNDING_SECONDS:
            assert word.start - before.end > 1.0, word
            assert furthest([(word, theirs)]) <= 0.15, word


@pytest.mark.parametrize("until", [4.0, 12.0])
def test_text_that_nobody_needs_is_not_written(base, until):
    """The words before it are those of the whole window, at the same times."""
    samples = window_of("human/us-weekly-address/address.mp3", 60.0)
    options = DecodingOptions(language="en", temperatures=(0.0,))
    whole = base.engine.submit(Clip(samples), options).result()
    clip = Clip(samples, expected=Expected(needed_until=until))
    brief = base.engine.submit(clip, options).result()
    assert len(brief.tokens) < len(whole.tokens)
    assert not brief.is_truncated
    assert brief.timed_text[-1].end >= until > brief.timed_text[-1].start
    needed = [word for word in whole.words if word.end <= until]
    assert len(needed) > 5
    for ours, theirs in zip(brief.words, needed, strict=False):
        assert ours.text == theirs.text
        assert abs(ours.start - theirs.start) <= FRAME_SECONDS + ROUNDING_SECONDS


def test_speech_is_written_to_the_end_of_a_window_that_cuts_it(base):
    """Left alone, the model leaves the sentence that the end cuts out, or more."""
    options = DecodingOptions(language="en", temperatures=(0.0,))
    left_out = 0
    for start in (0.0, 25.0, 50.0, 75.0, 100.0):
        samples = window_of("human/us-weekly-address/address.mp3", start)
        free = base.engine.submit(Clip(samples), options).result()
        clip = Clip(samples, expected=Expected(spoken_until=30.0))
        told = base.engine.submit(clip, options).result()
        assert told.timed_text[-1].end >= 29.0
        assert len(told.words) >= len(free.words) - 1
        left_out += len(told.words) - len(free.words) > 3
    assert left_out
