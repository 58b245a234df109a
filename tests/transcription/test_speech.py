"""Both detectors on the shipped recording, whose word times are known, and on made sounds."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from chunking.types import Span
from decoding.types import FULL_SCALE, SAMPLE_RATE
from decoding.voice_activity.silero_file import FRAME_SAMPLES
from transcription import energy_vad, silero, speech
from transcription.audio import decode_audio
from transcription.options import SpeechOptions
from transcription.speech import SpeechDetector, _onsets, find_speech
from transcription.types import DetectedSpeech, Recording

SHIPPED = Path(__file__).parents[2] / "benchmarks" / "recordings"
CALM = SpeechOptions(pad=0.0)
FAR_DB = 30.0  # how much quieter the other speaker of a conversation is


@pytest.fixture(scope="module")
def meeting(tmp_path_factory):
    (recording,) = decode_audio(SHIPPED / "demo-meeting.opus", tmp_path_factory.mktemp("meeting"))
    return recording


@pytest.fixture(scope="module")
def spoken_words():
    reference = json.loads((SHIPPED / "demo-meeting.json").read_text())
    sentences = reference["sentences"]
    return [Span(word["start"], word["end"]) for s in sentences for word in s["words"]]


@pytest.fixture(scope="module")
def voice(meeting):
    """A minute of speech, int16 as float."""
    return meeting.read(Span(0, 60)).astype(np.float64)


@pytest.fixture
def record(tmp_path):
    def write(samples):
        path = tmp_path / "sound.pcm"
        np.clip(np.round(samples), -32768, 32767).astype("<i2").tofile(path)
        return Recording(path, len(samples), "digest")

    return write


def seconds(spans):
    return sum(span.duration for span in spans)


def covered(span, spans):
    """Share of `span` that lies in `spans`."""
    inside = sum(max(0.0, min(span.end, s.end) - max(span.start, s.start)) for s in spans)
    return inside / span.duration


def noise(length, level, seed=0):
    return np.random.default_rng(seed).normal(0, level, int(length * SAMPLE_RATE))


def hum(length, level, hertz=50):
    time = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
    return level * sum(np.sin(2 * np.pi * hertz * k * time + k) / k for k in range(1, 20))


def test_every_shipped_word_is_heard_by_both(meeting, spoken_words):
    detected = find_speech(meeting, SpeechOptions())
    assert min(covered(word, detected.speech) for word in spoken_words) > 0.99
    assert min(covered(word, detected.evidence) for word in spoken_words) > 0
    for spans in detected.speech, detected.evidence:
        assert seconds(spans) < 0.85 * meeting.duration
        for before, after in pairwise(spans):
            assert before.end < after.start


def test_no_sound_at_all(record):
    detected = find_speech(record(np.zeros(0)), SpeechOptions())
    assert detected.speech == detected.evidence == ()


@pytest.mark.parametrize("samples", [1, 319, 320, 511, 513, 16_001])
def test_tiny_recordings(record, samples):
    detected = find_speech(record(np.zeros(samples)), SpeechOptions())
    assert detected.speech == detected.evidence == ()


STEADY = {
    "digital silence": np.zeros(20 * SAMPLE_RATE),
    "dither": np.random.default_rng(1).integers(-1, 2, 20 * SAMPLE_RATE).astype(float),
    "faint noise": noise(20, 5),
    "loud noise": noise(20, 8000),
    "hum": hum(20, 2000),
    "hum and noise": hum(20, 2000, 60) + noise(20, 200),
    "tone": 9000 * np.sin(2 * np.pi * 1000 * np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE),
    "fan starts": np.concatenate([np.zeros(10 * SAMPLE_RATE), noise(10, 1000)]),
    "machine starts": np.concatenate([noise(10, 20), hum(10, 3000, 180)]),
    "waves": noise(20, 2000) * (1 + np.sin(np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE)),
    "clicks": np.where(np.arange(20 * SAMPLE_RATE) % 8000 == 0, 20_000, 0),
    "rattle": noise(20, 2000) * (np.arange(20 * SAMPLE_RATE) // 2000 % 2),
}


@pytest.mark.parametrize("name", STEADY)
def test_second_ear_does_not_hear_speech_in(record, name):
    assert find_speech(record(STEADY[name]), CALM).evidence == ()


HARD = {
    "quiet": (lambda x: x * 10 ** (-40 / 20), 0.95, 0.8),
    "very quiet": (lambda x: x * 10 ** (-50 / 20), 0.95, 0.5),
    "clipped": (lambda x: np.clip(50 * x, -32768, 32767), 0.95, 0.8),
    "in noise": (lambda x: x + noise(60, x.std() / 10 ** (10 / 20)), 0.9, 0.6),
    "in hum": (lambda x: x + hum(60, x.std()), 0.9, 0.5),
    "beside a long hum": (lambda x: np.concatenate([x, hum(60, 500)])[: len(x) * 2], 0.95, 0.8),
}


@pytest.mark.parametrize("name", HARD)
def test_speech_is_heard(record, voice, spoken_words, name):
    spoil, share_of_silero, share_of_evidence = HARD[name]
    detected = find_speech(record(spoil(voice)), SpeechOptions())
    words = [word for word in spoken_words if word.end < 60]
    total = seconds(words)
    assert sum(covered(w, detected.speech) * w.duration for w in words) > share_of_silero * total
    assert (
        sum(covered(w, detected.evidence) * w.duration for w in words) > share_of_evidence * total
    )


def test_times_are_right_after_long_silence(record, voice, monkeypatch):
    monkeypatch.setattr(speech, "STRETCH_SECONDS", 32.0)
    start = 3 * speech.STRETCH_SECONDS - 5.0
    samples = np.zeros(int((start + 70) * SAMPLE_RATE))
    first = int(start * SAMPLE_RATE)
    samples[first : first + len(voice)] = voice
    late = find_speech(record(samples), CALM)
    early = find_speech(record(voice), CALM)
    assert late.speech[0].start == pytest.approx(start + early.speech[0].start, abs=0.1)
    assert seconds(late.speech) == pytest.approx(seconds(early.speech), rel=0.05)
    assert seconds(late.evidence) == pytest.approx(seconds(early.evidence), rel=0.05)


def test_stretches_hide_no_seam(record, voice, monkeypatch):
    whole = find_speech(record(voice), CALM)
    monkeypatch.setattr(speech, "STRETCH_SECONDS", 16.0)
    cut = find_speech(record(voice), CALM)
    for name in ("speech", "evidence"):
        both = np.array(
            [
                [covered_at(getattr(h, name), t) for t in np.arange(0, 60, 0.05)]
                for h in (whole, cut)
            ]
        )
        assert (both[0] != both[1]).mean() < 0.01


def covered_at(spans, moment):
    return any(span.start <= moment < span.end for span in spans)


def test_listener_agrees_with_one_pass_and_with_any_number_of_threads(record, voice, monkeypatch):
    monkeypatch.setattr(speech, "STRETCH_SECONDS", 16.0)
    whole = record(voice)
    detector = SpeechDetector(CALM, threads=1)
    settled = []
    for length in (0, 10, 21, 40, 55):
        so_far = Recording(whole.path, length * SAMPLE_RATE, "")
        detector.advance(so_far)
        while detector.is_busy:
            detector.advance(so_far, wait=True)
        settled.append(detector.frames.settled)
    assert settled == [0.0, 0.0, 16.0, 32.0, 48.0]
    early = detector.frames.detected(48.0)
    final = detector.finish(whole)
    assert final == SpeechDetector(CALM, threads=3).finish(whole)
    assert early.speech[:-1] == final.speech[: len(early.speech) - 1]


def test_options_bridge_and_pad(record, voice):
    sound = record(np.concatenate([np.zeros(SAMPLE_RATE), voice[: 10 * SAMPLE_RATE]]))
    calm = find_speech(sound, SpeechOptions(pad=0.0, min_silence=0.1)).speech
    joined = find_speech(sound, SpeechOptions(pad=0.0, min_silence=5.0)).speech
    padded = find_speech(sound, SpeechOptions(pad=0.3, min_silence=5.0)).speech
    assert len(calm) > len(joined) == 1
    assert padded[0].start == pytest.approx(joined[0].start - 0.3)
    assert padded[0].end == pytest.approx(min(joined[0].end + 0.3, sound.duration))
    strict = find_speech(sound, SpeechOptions(pad=0.0, min_silence=0.1, threshold=0.95)).speech
    assert seconds(strict) <= seconds(calm)


def test_hysteresis_holds_until_well_below():
    probabilities = np.array([0, 0.6, 0.4, 0.4, 0.3, 0.4, 0.1], np.float32)
    held = speech._held(probabilities >= 0.5, probabilities >= 0.35)
    assert held.tolist() == [False, True, True, True, False, False, False]


def test_no_samples_have_no_probabilities():
    assert silero.speech_probabilities(np.zeros(0, np.int16)).shape == (0,)


def test_gain_lifts_only_what_is_quiet():
    loud = np.full(SAMPLE_RATE, 9000, np.int16)
    assert silero.gain_for(loud) == 1.0
    assert silero.gain_for(loud // 100) == pytest.approx(silero.LOUD_ENOUGH / 90)
    assert silero.gain_for(np.zeros(SAMPLE_RATE, np.int16)) == silero.MAX_GAIN
    assert silero.gain_for(loud[:100]) == 1.0


@pytest.mark.parametrize("level", [-45, -55])
def test_the_quieter_of_two_speakers_is_heard_in_a_quiet_recording(record, voice, level):
    """With them a whole conversation is quiet: the one must not hide the other."""
    near = voice[: 20 * SAMPLE_RATE] / np.sqrt(np.mean(np.square(voice[: 20 * SAMPLE_RATE])))
    both = np.concatenate([near, near * 10 ** (-FAR_DB / 20)])
    common = find_speech(record(both * FULL_SCALE * 10 ** (-20 / 20)), CALM).speech
    quiet = find_speech(record(both * FULL_SCALE * 10 ** (level / 20)), CALM).speech
    assert seconds(common) > 25.0
    assert seconds(quiet) >= 0.98 * seconds(common)


def test_measure_places_a_tone_in_its_band_and_pitch():
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    voiced = sum(np.sin(2 * np.pi * 150 * k * time) for k in range(1, 8)) * 2000
    bands, periodicity = energy_vad.measure(voiced.astype(np.int16))
    assert len(bands) == len(periodicity) == 50
    assert np.median(periodicity) > 0.9
    assert np.median(bands[:, 3]) > np.median(bands[:, -1]) + 30
    _, periodicity = energy_vad.measure(noise(1, 2000).astype(np.int16))
    assert np.median(periodicity) < 0.5


def test_a_voice_that_is_heard_late_behind_music_is_heard_from_rest(record):
    """A detector that ten seconds of music make slow hears the voice at 20 s from 21.5 s on."""
    voice_from = 20 * SAMPLE_RATE

    def slow(samples, *, gain=1.0):
        probabilities = np.zeros(-(-len(samples) // FRAME_SAMPLES), np.float32)
        is_voice = samples[::FRAME_SAMPLES] > 100
        late = 47 if np.count_nonzero(~is_voice) > 10 * SAMPLE_RATE // FRAME_SAMPLES else 1
        probabilities[np.flatnonzero(is_voice)[late:]] = 0.9
        return probabilities

    samples = np.full(30 * SAMPLE_RATE, 50, np.int16)
    samples[voice_from:] = 500
    (found,) = SpeechDetector(SpeechOptions(), vad=slow).finish(record(samples)).speech
    assert found.start + SpeechOptions().pad == pytest.approx(20.0, abs=0.1)
    assert _onsets(np.array([0, 1] + [0] * 93 + [1] + [0] * 94 + [1], bool)) == [1, 190]


def test_speech_without_its_pads():
    found = DetectedSpeech((Span(1.0, 2.0), Span(3.0, 3.3)), ())
    assert found.unpadded(0.25) == (Span(1.25, 1.75),)
