"""Speech heard by an engine: on the same grid, with the same spans, ended by the same errors."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chunking.types import Span
from decoding.engine.engine import Engine
from decoding.errors import EngineFailed, QueueFull
from decoding.loading.loader import load_model
from decoding.types import CLIP_SAMPLES, FULL_SCALE, SAMPLE_RATE, ModelCard
from decoding.voice_activity.silero_file import FRAME_SAMPLES
from decoding.voice_activity.silero_network import only_speech
from tests.planted import PlantedDecoder, plant, text_of, write_wav
from transcription import silero
from transcription.audio import decode_audio
from transcription.engine_vad import ONLY_SPEECH, EngineVad, vad_of
from transcription.ingest import ingest
from transcription.models import DEMO_CHECKPOINT
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.reader import ThreadReader
from transcription.silero import LEAD_IN_FRAMES
from transcription.speech import LEAD_IN_SECONDS, STRETCH_SECONDS, SpeechDetector
from transcription.window_decoder import EngineWindowDecoder

SHIPPED = Path(__file__).parents[2] / "benchmarks" / "recordings" / "demo-meeting.opus"
GPU = ModelCard("planted", False, ("en",), 0, "cuda:0", "fp32")
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE


class Repeating:
    """Answers with the first sample of each frame; `outcomes` of later clips may say otherwise."""

    model = GPU

    def __init__(self, outcomes=None):
        self.outcomes = outcomes or {}
        self.clips = []
        self.futures = []

    def submit(self, clip, options):
        assert options == ONLY_SPEECH
        outcome = self.outcomes.get(len(self.clips))
        if isinstance(outcome, QueueFull):
            raise outcome
        self.clips.append(clip)
        self.futures.append(Future())
        if outcome is None:
            self.futures[-1].set_result(only_speech(clip.samples[::FRAME_SAMPLES]))
        elif isinstance(outcome, Exception):
            self.futures[-1].set_exception(outcome)
        elif outcome == "cancelled":
            self.futures[-1].cancel()
        return self.futures[-1]


class OnGpu(PlantedDecoder):
    """Hears planted words, and the speech that NumPy hears, as if on a device."""

    model = GPU

    def __init__(self, fails_with=None):
        super().__init__()
        self.listened_to = []
        self._fails_with = fails_with

    def submit(self, clip, options):
        if options.task != "voice_activity":
            return super().submit(clip, options)
        self.listened_to.append(clip)
        future = Future()
        if self._fails_with is not None:
            future.set_exception(self._fails_with)
        else:
            whole = np.round(clip.samples * FULL_SCALE).astype(np.int16)
            future.set_result(only_speech(silero.speech_probabilities(whole)))
        return future


def numbered(frames, rest=0):
    """Each frame holds its own number; `rest` samples more begin another."""
    return np.repeat(np.arange(frames + 1), FRAME_SAMPLES)[: frames * FRAME_SAMPLES + rest].astype(
        np.int16
    )


@pytest.mark.parametrize(
    ("frames", "clips"),
    [(1, 1), (320, 1), (321, 1), (937, 1), (938, 2), (1554, 2), (1555, 3), (7820, 13)],
)
@pytest.mark.parametrize("rest", [0, 1, 511])
def test_every_frame_comes_back_once_and_in_order(frames, clips, rest):
    decoder = Repeating()
    found = EngineVad(decoder, group="job", caller="key")(numbered(frames, rest), gain=2.0)
    assert found.dtype == np.float32
    expected = np.arange(frames + (rest > 0), dtype=np.float32) * np.float32(2 / 32768)
    assert np.array_equal(found, expected)
    is_longer = rest > 0 and (frames in (937, 1554))
    assert len(decoder.clips) == clips + is_longer
    assert all(len(clip.samples) <= CLIP_SAMPLES for clip in decoder.clips)
    assert {(clip.group, clip.caller) for clip in decoder.clips} == {("job", "key")}


def test_no_samples_have_no_probabilities():
    assert EngineVad(Repeating(), group="g")(np.zeros(0, np.int16)).shape == (0,)


def test_a_later_clip_begins_with_what_was_heard_before():
    decoder = Repeating()
    EngineVad(decoder, group="g")(numbered(2000))
    for before, after in zip(decoder.clips, decoder.clips[1:], strict=False):
        shared = LEAD_IN_FRAMES * FRAME_SAMPLES
        assert np.array_equal(before.samples[-shared:], after.samples[:shared])


@pytest.mark.parametrize("where", [0, 2])
def test_a_full_queue_leaves_it_to_the_cpu(where):
    samples = np.random.default_rng(4).normal(0, 3000, 60 * SAMPLE_RATE).astype(np.int16)
    decoder = Repeating({1: "pending", where: QueueFull("full")})
    found = EngineVad(decoder, group="g")(samples, gain=1.5)
    assert np.array_equal(found, silero.speech_probabilities(samples, gain=1.5))
    assert len(decoder.futures) == where
    assert all(future.done() for future in decoder.futures)  # those that waited were cancelled


def test_a_queue_that_is_full_elsewhere_leaves_it_to_the_cpu():
    """An engine in another process says so through the future."""
    samples = numbered(2000)
    found = EngineVad(Repeating({1: QueueFull("full")}), group="g")(samples)
    assert np.array_equal(found, silero.speech_probabilities(samples))


@pytest.mark.parametrize(
    ("outcome", "error"), [(EngineFailed("gone"), EngineFailed), ("cancelled", CancelledError)]
)
def test_what_the_engine_raises_is_raised_and_the_rest_cancelled(outcome, error):
    decoder = Repeating({0: outcome, 1: "pending"})
    with pytest.raises(error):
        EngineVad(decoder, group="g")(numbered(2000))
    assert decoder.futures[1].cancelled()


@pytest.mark.parametrize("device", ["cuda:0", "cuda:0,cuda:1"])
def test_an_engine_on_a_graphics_processor_listens(device):
    decoder = Repeating()
    decoder.model = replace(GPU, device=device)
    vad = vad_of(decoder, group="job", caller="key")
    assert np.array_equal(vad(numbered(5)), np.arange(5, dtype=np.float32) / 32768)
    assert decoder.clips[0].group == "job"


def test_an_engine_on_the_cpu_does_not_listen():
    decoder = PlantedDecoder()
    assert EngineWindowDecoder(decoder, group="job").vad is silero.speech_probabilities
    decoder.close()


def test_the_engine_finds_the_speech_that_numpy_finds(tmp_path):
    """The shipped recording, an engine on this processor: spans differ by a frame at most."""
    (recording,) = decode_audio(SHIPPED, tmp_path)
    engine = Engine(load_model(str(DEMO_CHECKPOINT)), slots=1, threads=1)
    try:
        vad = EngineVad(engine, group="g")
        ours = SpeechDetector(SpeechOptions(), vad=vad).finish(recording)
    finally:
        engine.close()
    theirs = SpeechDetector(SpeechOptions()).finish(recording)
    assert len(ours.speech) == len(theirs.speech) > 50
    for one, other in zip(ours.speech, theirs.speech, strict=True):
        assert one.start == pytest.approx(other.start, abs=1.01 * FRAME_SECONDS)
        assert one.end == pytest.approx(other.end, abs=1.01 * FRAME_SECONDS)
    assert ours.evidence == theirs.evidence


def test_frames_that_cross_the_threshold_are_few(tmp_path):
    """Only the warm-up differs: the figures of a whole stretch, cut into clips and joined."""
    (recording,) = decode_audio(SHIPPED, tmp_path)
    samples = recording.read(Span(0.0, STRETCH_SECONDS + LEAD_IN_SECONDS))
    decoder = OnGpu()
    found = EngineVad(decoder, group="g")(samples)
    decoder.close()
    whole = silero.speech_probabilities(samples)
    assert len(decoder.listened_to) == 13
    assert np.array_equal(found[:900], whole[:900])
    assert 0 < np.mean(np.abs(found - whole) > 1e-3) < 0.2
    assert np.sum((found > 0.5) != (whole > 0.5)) < 0.002 * len(whole)


def test_the_pipeline_lets_the_engine_listen(tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(200))
    decoder = OnGpu()
    options = TranscriptionOptions(speech=SpeechOptions(skip_silence=False))
    windows = EngineWindowDecoder(decoder, group="job", caller="key")
    transcript = transcribe(source, options, windows, workspace=tmp_path)
    assert transcript.text == text_of(200)
    assert len(decoder.listened_to) == 5  # of 97 s
    assert {(clip.group, clip.caller) for clip in decoder.listened_to} == {("job", "key")}
    decoder.close()


@pytest.mark.parametrize("error", [EngineFailed("the device is gone"), CancelledError()])
def test_an_engine_that_fails_while_it_listens_fails_the_transcription(tmp_path, error):
    source = write_wav(tmp_path / "talk.wav", plant(100))
    decoder = OnGpu(error)
    windows = EngineWindowDecoder(decoder, group="job")
    with pytest.raises(type(error)):
        transcribe(source, TranscriptionOptions(), windows, workspace=tmp_path)
    assert decoder.clips == 0
    decoder.close()


def test_what_was_heard_is_not_asked_for_again(tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(100))
    decoder = OnGpu()
    (workspace := tmp_path / "work").mkdir()
    vad = EngineVad(decoder, group="g")
    options, reader = TranscriptionOptions(), ThreadReader()
    first = ingest(source, workspace, options, reader, vad=vad)
    asked = len(decoder.listened_to)
    assert asked > 0
    assert ingest(source, workspace, options, reader, vad=vad) == first
    assert len(decoder.listened_to) == asked
    decoder.close()
