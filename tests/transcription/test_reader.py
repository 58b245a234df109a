import threading
from contextlib import closing

import numpy as np
import pytest

from decoding.errors import EngineFailed
from tests.planted import plant, write_wav
from transcription import speech
from transcription.options import TranscriptionOptions
from transcription.reader import ThreadReader
from transcription.speech import find_speech
from transcription.types import IngestedAudio

OPTIONS = TranscriptionOptions()


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(speech, "STRETCH_SECONDS", 4.0)


@pytest.fixture
def workspace(tmp_path):
    (folder := tmp_path / "work").mkdir()
    return folder


def loud(samples, *, gain=1.0):
    """Whether there is anything but silence in a frame."""
    frames = np.pad(samples, (0, -len(samples) % 512)).reshape(-1, 512)
    return (np.abs(frames).max(axis=1) > 0).astype(np.float32)


def test_all_of_the_sound_and_what_was_found_in_it_is_told_in_order(tmp_path, workspace):
    source = write_wav(tmp_path / "talk.wav", plant(100))
    with closing(ThreadReader().read(source, workspace, OPTIONS, loud)) as reading:
        *steps, whole = reading
    ((recording, detected),) = whole.channels
    assert [step[0].recording.samples for step in steps[-1:]] == [recording.samples]
    frames = speech.SpeechFrames(OPTIONS.speech)
    for (channel,) in steps:
        frames.add(channel.found)
    assert len(frames) == speech.complete_stretches(recording.duration)
    before = detected.before(frames.settled - 2.0)
    assert frames.detected(frames.settled).before(frames.settled - 2.0) == before
    assert detected == speech.SpeechDetector(OPTIONS.speech, vad=loud).finish(recording)


def test_the_file_is_read_on_while_a_stretch_is_judged(tmp_path, workspace):
    """The detector waits for the end of the file, which it could not if the file waited for it."""
    source = write_wav(tmp_path / "talk.wav", plant(100))
    is_read = threading.Event()

    def waits(samples, *, gain=1.0):
        assert is_read.wait(30)
        return loud(samples)

    lengths = []
    with closing(ThreadReader().read(source, workspace, OPTIONS, waits)) as reading:
        for step in reading:
            if isinstance(step, IngestedAudio):
                break
            lengths.append(step[0].recording.samples)
            if lengths[-1] == len(plant(100)):
                is_read.set()
    assert step.channels[0][0].samples == lengths[-1]


def test_channels_are_searched_each_by_itself(tmp_path, workspace):
    left = plant(30)
    source = write_wav(tmp_path / "two.wav", left, np.zeros_like(left))
    options = TranscriptionOptions(channels="split")
    with closing(ThreadReader().read(source, workspace, options, loud)) as reading:
        *_, whole = reading
    (one, heard), (_, other) = whole.channels
    assert heard.speech != ()
    assert heard.evidence == find_speech(one, options.speech).evidence
    assert (other.speech, other.evidence) == ((), ())


def test_closed_early_it_leaves_nothing(tmp_path, workspace):
    source = write_wav(tmp_path / "talk.wav", plant(4000))
    with closing(ThreadReader().read(source, workspace, OPTIONS, loud)) as reading:
        next(reading)
    assert list(workspace.iterdir()) == []
    assert not any(thread.name.startswith("speech") for thread in threading.enumerate())


@pytest.mark.parametrize("calls", [0, 3])
def test_a_detector_that_fails_leaves_nothing(tmp_path, workspace, calls):
    done = []

    def fails(samples, *, gain=1.0):
        done.append(1)
        if len(done) > calls:
            raise EngineFailed("no device")
        return loud(samples)

    source = write_wav(tmp_path / "talk.wav", plant(100))
    with (
        pytest.raises(EngineFailed, match="no device"),
        closing(ThreadReader().read(source, workspace, OPTIONS, fails)) as reading,
    ):
        list(reading)
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ("aa", "Channels 1 and 2 hold"),
        ("abaa", "Channels 1, 3 and 4 hold"),
        ("ab", None),
        ("00", None),
        ("a", None),
    ],
)
def test_channels_of_the_same_sound_are_told(tmp_path, workspace, kinds, told):
    one = plant(20)
    sounds = {"a": one, "b": np.roll(one, 800), "0": np.zeros_like(one)}
    source = write_wav(tmp_path / "talk.wav", *(sounds[kind] for kind in kinds))
    options = TranscriptionOptions(channels="split")
    with closing(ThreadReader().read(source, workspace, options, loud)) as reading:
        *_, whole = reading
    same = [warning for warning in whole.warnings if "the same sound" in warning]
    assert [warning.startswith(told) for warning in same] == ([True] if told else [])
