import cProfile
import pstats
import threading
from concurrent.futures import CancelledError, Future
from dataclasses import replace

import numpy as np
import pytest

from chunking.options import WindowOptions
from chunking.plan import plan_for
from chunking.spans import unite
from chunking.types import Span
from decoding.errors import EngineFailed
from decoding.types import SAMPLE_RATE, DecodedWord, TimedText
from tests.app import planted as app_planted
from tests.planted import FIRST_VALUE, PlantedDecoder, plant, text_of, write_wav
from transcription.audio import AudioLimits
from transcription.audio_cache import NOTE, find_cached, key_of
from transcription.errors import UnreadableAudio
from transcription.ingest import whole_track
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.pipeline import transcribe, transcribe_track
from transcription.progress import Progress
from transcription.types import DetectedSpeech, Recording
from transcription.window_decoder import EngineWindowDecoder

EVERY_WINDOW = TranscriptionOptions(speech=SpeechOptions(skip_silence=False))


class Diary:
    def __init__(self) -> None:
        self.heard_until = 0.0
        self.plans = []
        self.done = []
        self.final = []

    def ingested(self, seconds):
        self.heard_until = seconds

    def planned(self, seconds, windows):
        self.plans.append((seconds, windows))

    def decoded(self, windows, seconds):
        self.done.append((windows, seconds))

    def segments(self, segments):
        self.final.extend(segments)


@pytest.fixture
def decoder():
    decoder = PlantedDecoder()
    yield decoder
    decoder.close()


def run(source, decoder, tmp_path, options=EVERY_WINDOW, observer=None):
    windows = EngineWindowDecoder(decoder, group="test")
    return transcribe(source, options, windows, workspace=tmp_path, observer=observer)


def test_every_planted_word_comes_back_once(decoder, tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(400))
    diary = Diary()
    transcript = run(source, decoder, tmp_path, observer=diary)
    assert transcript.text == text_of(400)
    assert transcript.windows == decoder.clips == diary.plans[-1][1] == diary.done[-1][0]
    assert {seam.status for seam in transcript.coverage.seams} == {"agreed"}
    assert transcript.model == "planted"
    assert transcript.duration == pytest.approx(400 * 0.48 + 0.5)
    assert diary.heard_until == transcript.duration


def test_final_segments_are_the_transcript(decoder, tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(300, pauses={100: 3.0, 200: 8.0}))
    diary = Diary()
    transcript = run(source, decoder, tmp_path, observer=diary)
    assert tuple(diary.final) == transcript.segments
    assert [segment.id for segment in transcript.segments] == list(range(len(transcript.segments)))


def test_times_are_those_of_the_recording(decoder, tmp_path):
    source = write_wav(tmp_path / "talk.wav", plant(200, pauses={100: 5.0}))
    words = tuple(run(source, decoder, tmp_path).words)
    for number, word in enumerate(words):
        expected = 0.5 + number * 0.48 + (5.0 if number >= 100 else 0.0)
        assert word.start == pytest.approx(expected, abs=0.01)
    assert len({(word.window, word.index) for word in words}) == len(words)


def test_channels_are_transcribed_apart(decoder, tmp_path):
    source = write_wav(tmp_path / "call.wav", plant(100), plant(200)[: len(plant(100))])
    options = replace(EVERY_WINDOW, channels="split")
    transcript = run(source, decoder, tmp_path, options)
    for channel in (0, 1):
        said = [segment.text for segment in transcript.segments if segment.channel == channel]
        assert "".join(said).split() == text_of(100).split()


def test_words_invented_in_silence_are_dropped(tmp_path):
    class Dreaming(PlantedDecoder):
        """Hears thanks at the end of every clip, as Whisper may in silence."""

        def _decode(self, clip):
            detected = super()._decode(clip)
            thanks = DecodedWord(" Thanks.", clip.seconds - 0.5, clip.seconds - 0.1, 0.9, (7,))
            return replace(detected, words=(*detected.words, thanks))

    dreaming = Dreaming()
    samples = np.concatenate([plant(10), np.zeros(16_000 * 20, dtype=np.int16)])
    (tmp_path / "sound.pcm").write_bytes(samples.astype("<i2").tobytes())
    recording = Recording(tmp_path / "sound.pcm", len(samples), "digest")
    detected = DetectedSpeech(speech=(Span(0.0, 3.0),), evidence=(Span(2.0, 5.3),))
    windows = EngineWindowDecoder(dreaming, group="test")

    def text(options):
        track = whole_track(recording, detected)
        return transcribe_track(track, options, windows, Progress(None)).text

    assert text(TranscriptionOptions()) == text_of(10)
    assert text(EVERY_WINDOW) == text_of(10) + " Thanks."
    guarded = SpeechOptions(skip_silence=False, drop_invented=True)
    assert text(TranscriptionOptions(speech=guarded)) == text_of(10)
    dreaming.close()


@pytest.mark.parametrize("plan", ["grid", "chains"])
def test_silence_is_heard_in_no_window(decoder, tmp_path, plan):
    source = write_wav(tmp_path / "silence.wav", np.zeros(40 * 16_000, np.float32))
    options = TranscriptionOptions(windows=WindowOptions(plan=plan))
    transcript = run(source, decoder, tmp_path, options)
    assert (transcript.text, [*transcript.words], transcript.windows) == ("", [], 0)
    assert (transcript.duration, decoder.clips) == (40.0, 0)


def test_a_file_that_is_no_sound(decoder, tmp_path):
    source = tmp_path / "letter.mp3"
    source.write_text("Dear Sir or Madam,\n" * 50)
    with pytest.raises(UnreadableAudio):
        run(source, decoder, tmp_path)
    assert decoder.clips == 0


def test_an_engine_that_fails_fails_the_transcription(tmp_path):
    class Broken(PlantedDecoder):
        def submit(self, clip, options):
            future = Future()
            future.set_exception(EngineFailed("the device is gone"))
            return future

    broken = Broken()
    source = write_wav(tmp_path / "talk.wav", plant(100))
    with pytest.raises(EngineFailed):
        run(source, broken, tmp_path)
    broken.close()


def test_cancelled_windows_cancel_the_transcription(tmp_path):
    class Cancelling(PlantedDecoder):
        def submit(self, clip, options):
            future = Future()
            future.cancel()
            return future

    cancelling = Cancelling()
    source = write_wav(tmp_path / "talk.wav", plant(100))
    with pytest.raises(CancelledError):
        run(source, cancelling, tmp_path)
    cancelling.close()


class Stopping(PlantedDecoder):
    """Leaves the last seconds of a clip unwritten, as Whisper does with a sentence that it cuts."""

    def _decode(self, clip):
        decoded = super()._decode(clip)
        if clip.seconds < 20.0 or not decoded.words:
            return decoded
        early = decoded.words[0].tokens[0] % 5
        words = tuple(word for word in decoded.words if word.end <= clip.seconds - early)
        timed = (TimedText(words[0].start, words[-1].end, ""),)
        return replace(decoded, words=words, timed_text=timed)


CHAINS = WindowOptions(plan="chains", chain=60.0)


@pytest.mark.parametrize("skip_silence", [True, False])
@pytest.mark.parametrize("channels", ["mix", "split"])
@pytest.mark.parametrize("has_previous_text", [False, True])
def test_windows_that_follow_the_writing(tmp_path, skip_silence, channels, has_previous_text):
    options = TranscriptionOptions(
        windows=CHAINS,
        speech=SpeechOptions(skip_silence=skip_silence, drop_invented=False),
        channels=channels,
        condition_on_previous_text=has_previous_text,
    )
    samples = plant(700, pauses={200: 9.0, 400: 2.0})
    stopping = Stopping()
    diary = Diary()
    detected = DetectedSpeech(*(2 * [speech_in(samples)]))
    (tmp_path / "sound.pcm").write_bytes(samples.astype("<i2").tobytes())
    tracks = (0, 1) if channels == "split" else (None,)
    windows = EngineWindowDecoder(stopping, group="test")
    progress = Progress(diary)
    for channel in tracks:
        recording = Recording(tmp_path / "sound.pcm", len(samples), "digest", channel)
        track = whole_track(recording, detected)
        transcript = transcribe_track(track, options, windows, progress)
        assert transcript.text == text_of(700)
        assert "grid" not in {again.reason for again in transcript.coverage.redecoded}
    assert diary.plans[-1][1] == diary.done[-1][0] == stopping.clips
    assert [seconds for _, seconds in diary.done] == sorted(seconds for _, seconds in diary.done)
    stopping.close()


class Groups(EngineWindowDecoder):
    """Remembers what was asked for, in order; `is_held` keeps the detector from answering for any
    stretch but the first, whichever of its threads asks first."""

    def __init__(self, decoder, *, is_held=False):
        super().__init__(decoder, group="test")
        self.asked = []
        self.released = threading.Event()
        self._is_held = is_held

    def submit(self, recording, windows, options):
        self.asked.append([(window.index, window.start, window.kind) for window in windows])
        return super().submit(recording, windows, options)

    @property
    def vad(self):
        return self._hear

    def _hear(self, samples, *, gain=1.0):
        is_stretch = len(samples) > 60 * SAMPLE_RATE  # or an onset is heard again
        if self._is_held and is_stretch and FIRST_VALUE not in samples:
            assert self.released.wait(60)
        frames = np.pad(samples, (0, -len(samples) % 512)).reshape(-1, 512)
        return (np.abs(frames).max(axis=1) > 0).astype(np.float32)


class Releasing(Diary):
    """Lets the detector go on once there are final segments."""

    def __init__(self, windows):
        super().__init__()
        self._windows = windows

    def segments(self, segments):
        super().segments(segments)
        self._windows.released.set()


LONG = {300: 11.0, 600: 2.0, 900: 40.0, 1400: 0.0}


@pytest.mark.parametrize("plan", ["grid", "chains"])
def test_a_file_that_is_read_meanwhile_is_transcribed_as_one_that_was(decoder, tmp_path, plan):
    """The same windows in the same order, the same words: that is what a job begins again by."""
    source = write_wav(tmp_path / "long.wav", plant(1600, pauses=LONG))
    options = TranscriptionOptions(windows=WindowOptions(plan=plan))
    live, again = Groups(decoder), Groups(decoder)
    first = transcribe(source, options, live, workspace=tmp_path)
    assert (tmp_path / NOTE).exists()
    second = transcribe(source, options, again, workspace=tmp_path)
    assert live.asked == again.asked
    assert first == second
    assert first.text == text_of(1600)
    ((recording, detected),) = find_cached(
        tmp_path, key_of(source, options, AudioLimits())
    ).channels
    windows = plan_for(detected.speech, recording.duration, options.planning).grid
    if plan == "grid":
        planned = [w for group in live.asked for w in group if w[2] == "grid"]
        assert sorted(planned) == [(w.index, w.start, w.kind) for w in windows]


def test_first_words_do_not_wait_for_the_end_of_the_file(decoder, tmp_path):
    """The detector does not go on behind the first stretch before there are final segments."""
    source = write_wav(tmp_path / "long.wav", plant(1600))
    windows = Groups(decoder, is_held=True)
    diary = Releasing(windows)
    options = TranscriptionOptions()
    transcript = transcribe(source, options, windows, workspace=tmp_path, observer=diary)
    assert windows.released.is_set()
    assert transcript.text == text_of(1600)
    assert diary.plans[-1] == (transcript.duration, transcript.windows)
    assert [seconds for _, seconds in diary.done] == sorted(seconds for _, seconds in diary.done)


def test_an_engine_that_fails_ends_the_reading(tmp_path):
    class Broken(PlantedDecoder):
        def _decode(self, clip):
            raise EngineFailed("the device is gone")

    source = write_wav(tmp_path / "long.wav", plant(1600))
    (workspace := tmp_path / "work").mkdir()
    broken = Broken()
    windows = Groups(broken, is_held=True)
    threading.Timer(1.0, windows.released.set).start()
    with pytest.raises(EngineFailed):
        transcribe(source, TranscriptionOptions(), windows, workspace=workspace)
    assert not any(thread.name == "ingest" for thread in threading.enumerate())
    broken.close()


def speech_in(samples):
    """Spans of planted words, as a detector finds them."""
    loud = np.flatnonzero(np.diff((samples > 0).astype(np.int8), prepend=0, append=0)) / 16_000
    spans = zip(loud[::2], loud[1::2], strict=True)
    return unite((Span(float(start), float(end)) for start, end in spans), bridge=0.3)


def work_of(minutes, folder):
    """Function calls of the pipeline's own thread for so much speech, a word of it each second."""
    samples = minutes * 60 * SAMPLE_RATE
    path = folder / f"{minutes}.pcm"
    with path.open("wb") as file:
        file.truncate(2 * samples)
    speech = tuple(Span(second, second + 0.7) for second in range(minutes * 60))
    evidence = tuple(Span(span.start + 0.1, span.end) for span in speech)
    decoder = app_planted.PlantedDecoder()
    decoder.words_per_window = 30
    profile = cProfile.Profile()
    profile.runcall(
        transcribe_track,
        whole_track(Recording(path, samples, "zeros"), DetectedSpeech(speech, evidence)),
        TranscriptionOptions(),
        EngineWindowDecoder(decoder, group="test"),
        Progress(None),
    )
    decoder.close()
    return pstats.Stats(profile).total_calls


def test_work_grows_as_the_length_and_no_faster(tmp_path):
    assert work_of(80, tmp_path) < 5 * work_of(20, tmp_path)
