from concurrent.futures import CancelledError, Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunking.types import Span, Window
from decoding.errors import EngineFailed, QueueFull
from decoding.types import (
    Decoded,
    DecodedWord,
    DecodingOptions,
    EngineStatistics,
    Expected,
    ModelCard,
    TimedText,
)
from transcription.options import TranscriptionOptions
from transcription.types import Recording
from transcription.window_decoder import EngineWindowDecoder, seed_of


class HeldDecoder:
    """Keeps futures until the test settles them, in any order it likes."""

    model = ModelCard("toy", False, ("en",), 0, "cpu", "fp32")

    def __init__(self) -> None:
        self.clips = []
        self.futures = []
        self.cancelled = []

    def submit(self, clip, options):
        self.clips.append(clip)
        self.futures.append(Future())
        return self.futures[-1]

    def cancel(self, group):
        self.cancelled.append(group)


def heard(text: str, start: float = 0.5) -> Decoded:
    word = DecodedWord(f" {text}", start, 1.0, 0.9, (1,))
    return Decoded(text, (1,), (word,), (), "en", -0.1, 0.0, 1.0, 0.0, False, ())


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    samples = np.arange(16_000 * 4, dtype="<i2")
    (tmp_path / "sound.pcm").write_bytes(samples.tobytes())
    return Recording(tmp_path / "sound.pcm", len(samples), "digest")


WINDOWS = [Window(0, 0.0, 2.0), Window(1, 1.0, 3.0)]


def test_pieces_keep_the_order_of_windows(recording):
    decoder = HeldDecoder()
    future = EngineWindowDecoder(decoder, group="g", caller="c").submit(
        recording, WINDOWS, TranscriptionOptions()
    )
    decoder.futures[1].set_result(heard("second"))
    assert not future.done()
    decoder.futures[0].set_result(heard("first"))
    first, second = future.result(1)
    assert [first.words[0].text, second.words[0].text] == [" first", " second"]
    assert second.words[0].start == pytest.approx(1.5)
    assert np.array_equal(decoder.clips[1].samples, np.arange(16_000, 48_000, dtype=np.int16))
    assert {clip.group for clip in decoder.clips} == {"g"}
    assert {clip.caller for clip in decoder.clips} == {"c"}


def test_a_clip_is_told_until_when_its_text_is_needed(recording):
    decoder = HeldDecoder()
    windows = [Window(0, 0.0, 2.0), Window(9, 1.0, 3.0, "gap", needed_until=2.5)]
    EngineWindowDecoder(decoder, group="g").submit(recording, windows, TranscriptionOptions())
    assert [clip.expected.needed_until for clip in decoder.clips] == [None, 1.5]


def test_a_clip_is_told_of_the_speech_in_it(recording):
    decoder = HeldDecoder()
    windows = [Window(0, 1.0, 3.0, spoken_until=2.75, spoken_seconds=1.5), Window(1, 2.0, 3.0)]
    EngineWindowDecoder(decoder, group="g").submit(recording, windows, TranscriptionOptions())
    told = [clip.expected for clip in decoder.clips]
    assert told == [Expected(spoken_until=1.75, spoken_seconds=1.5), Expected()]


def test_improbable_text_is_left_out_by_the_threshold_of_the_options(recording):
    """Of a window that was made to write it."""
    words = (DecodedWord(" a", 0.1, 0.4, 0.9, (1,)), DecodedWord(" b", 0.6, 0.9, 0.2, (2,)))
    timed = (TimedText(0.0, 0.5, " a"), TimedText(0.5, 1.0, " b"))
    found = replace(heard("a"), text="a b", words=words, timed_text=timed)
    for threshold, expected in ((-1.0, 1), (-2.0, 2), (None, 2)):
        decoder = HeldDecoder()
        options = replace(
            TranscriptionOptions(), decoding=DecodingOptions(logprob_threshold=threshold)
        )
        window = Window(0, 0.0, 2.0, spoken_until=2.0)
        future = EngineWindowDecoder(decoder, group="g").submit(recording, [window], options)
        decoder.futures[0].set_result(found)
        (piece,) = future.result(1)
        assert len(piece.words) == expected


def test_one_failed_window_fails_the_group(recording):
    decoder = HeldDecoder()
    future = EngineWindowDecoder(decoder, group="g").submit(
        recording, WINDOWS, TranscriptionOptions()
    )
    decoder.futures[1].set_exception(EngineFailed("the device is gone"))
    decoder.futures[0].set_result(heard("late"))
    with pytest.raises(EngineFailed):
        future.result(1)


def test_words_that_cannot_be_placed_do_not_leave_the_waiter_waiting(recording):
    decoder = HeldDecoder()
    future = EngineWindowDecoder(decoder, group="g").submit(
        recording, WINDOWS[:1], TranscriptionOptions()
    )
    decoder.futures[0].set_result(heard("lost", start=float("nan")))
    with pytest.raises(ValueError, match="span"):
        future.result(1)


def test_whatever_goes_wrong_with_words_reaches_the_waiter(recording, monkeypatch):
    def place(*given, **asked):
        raise IndexError("no such word")

    monkeypatch.setattr("transcription.window_decoder.place_words", place)
    decoder = HeldDecoder()
    windows = EngineWindowDecoder(decoder, group="g")
    future = windows.submit(recording, WINDOWS[:1], TranscriptionOptions())
    decoder.futures[0].set_result(heard("well"))
    with pytest.raises(IndexError):
        future.result(1)


def test_of_windows_that_are_not_all_taken_none_is_decoded(recording):
    """Nobody waits for a part of them: whoever asked asks for all of them again."""

    class Full(HeldDecoder):
        def submit(self, clip, options):
            if len(self.clips) == 1:
                raise QueueFull("full")
            return super().submit(clip, options)

    decoder = Full()
    windows = EngineWindowDecoder(decoder, group="g")
    with pytest.raises(QueueFull):
        windows.submit(recording, WINDOWS, TranscriptionOptions())
    assert [future.cancelled() for future in decoder.futures] == [True]
    assert (windows.pace.under_way, windows.pace.done) == (0, 0)


@example(16_285_529, 30.0)
@given(st.integers(0, 32_000 * 550), st.sampled_from([30.0, 20.0, 12.5]))
def test_a_window_is_never_longer_than_its_duration(tmp_path_factory, half_samples, seconds):
    """Also where it begins between two samples, as in the middle of a pause: a clip of thirty
    seconds with a sample too many is refused, and its job would fail each time."""
    path = tmp_path_factory.getbasetemp() / "long.pcm"
    with path.open("ab") as file:
        file.truncate(2 * 16_000 * 600)  # a hole, which takes no room
    recording = Recording(path, 16_000 * 600, "digest")
    start = half_samples / 32_000
    samples = recording.read(Span(start, start + seconds))
    assert seconds * 16_000 - 1 <= len(samples) <= seconds * 16_000


def test_cancel_reaches_engine_and_waiter(recording):
    decoder = HeldDecoder()
    windows = EngineWindowDecoder(decoder, group="g")
    future = windows.submit(recording, WINDOWS, TranscriptionOptions())
    windows.cancel()
    decoder.futures[0].cancel()
    assert decoder.cancelled == ["g"]
    with pytest.raises(CancelledError):
        future.result(1)


def test_no_windows_are_answered_at_once(recording):
    windows = EngineWindowDecoder(HeldDecoder(), group="g")
    assert windows.submit(recording, [], TranscriptionOptions()).result(0) == ()


def test_seed_depends_on_sound_and_place_alone():
    one, other = np.full(48_000, 3, np.int16), np.full(48_000, 4, np.int16)
    assert seed_of(one, Window(3, 0.0, 30.0)) == seed_of(one, Window(7, 0.0, 30.0, "gap"))
    assert seed_of(one, Window(0, 0.0, 30.0)) != seed_of(other, Window(0, 0.0, 30.0))
    assert seed_of(one, Window(0, 0.0, 30.0)) != seed_of(one, Window(0, 1.0, 30.0))
    assert 0 <= seed_of(one, Window(0, 0.0, 30.0)) < 2**63


def test_the_pace_hears_of_every_window_but_of_probes_for_the_language(recording):
    decoder = HeldDecoder()
    windows = EngineWindowDecoder(decoder, group="g")
    windows.submit(recording, WINDOWS, TranscriptionOptions())
    probe = TranscriptionOptions(decoding=DecodingOptions(task="lang_id"))
    windows.submit(recording, WINDOWS[:1], probe)
    assert windows.pace.under_way == len(WINDOWS)
    decoder.futures[0].set_result(heard("well"))
    decoder.futures[1].set_exception(EngineFailed("the device is gone"))
    assert (windows.pace.under_way, windows.pace.done) == (len(WINDOWS) - 2, 1)


@pytest.mark.parametrize(
    ("queued", "in_use", "ahead", "share"),
    [(0, 0, 32, 8), (0, 8, 8, 4), (24, 8, 32, 4), (0, 0, 1, 8), (500, 8, 1, 1)],
)
def test_the_share_of_the_slots(queued, in_use, ahead, share):
    class Busy(HeldDecoder):
        def statistics(self):
            return EngineStatistics(slots=8, slots_in_use=in_use, queued=queued)

    assert EngineWindowDecoder(Busy(), group="g").share(ahead) == share
