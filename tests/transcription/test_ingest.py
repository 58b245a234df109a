import threading

import numpy as np
import pytest

from tests.planted import plant, write_wav
from transcription import ingest as ingestion
from transcription import speech
from transcription.audio import AudioLimits
from transcription.errors import AudioTooLong
from transcription.ingest import Ingest, ingest
from transcription.options import TranscriptionOptions
from transcription.reader import ThreadReader
from transcription.speech import find_speech

OPTIONS = TranscriptionOptions()


def test_listening_while_decoding_hears_the_same(tmp_path):
    noise = np.random.default_rng(5).normal(0, 2000, 16_000 * 500).astype(np.int16)
    source = write_wav(tmp_path / "long.wav", noise)
    sound = ingest(source, tmp_path, OPTIONS, ThreadReader())
    ((recording, detected),) = sound.channels
    assert sound.warnings == ()
    assert recording.samples == len(noise)
    assert detected == find_speech(recording, OPTIONS.speech)


def test_too_long_leaves_nothing(tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(100))
    (workspace := tmp_path / "work").mkdir()
    with pytest.raises(AudioTooLong):
        ingest(source, workspace, OPTIONS, ThreadReader(AudioLimits(max_seconds=10.0)))
    assert list(workspace.iterdir()) == []


class HeldVad:
    """Hears no speech, and nothing at all before it is `released`."""

    def __init__(self):
        self.released = threading.Event()

    def __call__(self, samples, *, gain=1.0):
        assert self.released.wait(30)
        return np.zeros(-(-len(samples) // 512), np.float32)


def test_whoever_is_told_may_end_it(tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(20))
    (workspace := tmp_path / "work").mkdir()
    vad = HeldVad()

    def stop(seconds):
        vad.released.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(source, workspace, OPTIONS, ThreadReader(), stop, vad)
    assert not any(thread.name == "ingest" for thread in threading.enumerate())


def test_who_leaves_early_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "STRETCH_SECONDS", 2.0)
    source = write_wav(tmp_path / "talk.wav", plant(2000))
    (workspace := tmp_path / "work").mkdir()
    vad = HeldVad()
    with Ingest(source, workspace, OPTIONS, ThreadReader(), vad=vad) as sound:
        sound._is_stopped = True  # as leaving does
        vad.released.set()
    assert list(workspace.iterdir()) == []


def told(track):
    """All that a track tells, step by step."""
    steps = []
    while not track.is_whole:
        track.read_on()
        steps.append((track.seconds, track.detected, track.anything))
    return steps


def test_steps_are_the_same_however_fast_the_reader_is(tmp_path, monkeypatch):
    for room in (speech, ingestion):
        monkeypatch.setattr(room, "STRETCH_SECONDS", 4.0)
    source = write_wav(tmp_path / "long.wav", plant(200, pauses={20: 3.0, 90: 11.0}))
    with Ingest(source, tmp_path, OPTIONS, ThreadReader(), vad=loud) as sound:
        (early,) = sound.tracks()
        at_once = told(early)
    with Ingest(source, tmp_path, OPTIONS, ThreadReader(), vad=loud) as sound:
        whole = sound.whole()
        (late,) = sound.tracks()
        assert told(late) == at_once
    ((recording, detected),) = whole.channels
    assert [seconds for seconds, _, _ in at_once] == [4, 8, 16, 32, 64, 96, recording.duration]
    assert at_once[-1][1] == detected
    for seconds, so_far, _ in at_once[:-1]:
        assert so_far.speech[:-1] == detected.before(seconds).speech[: len(so_far.speech) - 1]


def loud(samples, *, gain=1.0):
    """Whether there is anything but silence in a frame."""
    frames = np.pad(samples, (0, -len(samples) % 512)).reshape(-1, 512)
    return (np.abs(frames).max(axis=1) > 0).astype(np.float32)


def test_what_cannot_be_read_to_its_end_is_told_to_who_reads_on(tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(1300))
    (workspace := tmp_path / "work").mkdir()
    reader = ThreadReader(AudioLimits(max_seconds=500.0))
    with Ingest(source, workspace, OPTIONS, reader, vad=loud) as sound:
        (track,) = sound.tracks()
        with pytest.raises(AudioTooLong):
            told(track)
    assert list(workspace.iterdir()) == []
