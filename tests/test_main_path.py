"""The shipped recording through the service, and through the pipeline, must be one transcript."""

import json
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.scoring import score
from chunking.text.word_keys import key
from tests.service import served as served_by
from transcription.models import open_decoder
from transcription.options import TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.settings import Settings
from transcription.window_decoder import EngineWindowDecoder

RECORDINGS = Path(__file__).parent.parent / "benchmarks" / "recordings"
SHIPPED = RECORDINGS / "demo-meeting.opus"
SAME_WORD_SECONDS = 0.15

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Overheard:
    """A `WindowDecoder` that remembers the pieces that it handed out."""

    def __init__(self, windows: EngineWindowDecoder) -> None:
        self._windows = windows
        self.pieces = {}

    @property
    def model(self):
        return self._windows.model

    @property
    def vad(self):
        return self._windows.vad

    def submit(self, recording, windows, options) -> Future:
        future = self._windows.submit(recording, windows, options)
        future.add_done_callback(
            lambda done: self.pieces.update({p.window.index: p for p in done.result()})
        )
        return future


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """Transcript and pieces of the shipped recording, decoded in this process."""
    decoder = open_decoder(Settings(model="demo"))
    windows = Overheard(EngineWindowDecoder(decoder, group="test"))
    try:
        transcript = transcribe(
            SHIPPED, TranscriptionOptions(), windows, workspace=tmp_path_factory.mktemp("pcm")
        )
    finally:
        decoder.close()
    return transcript, windows.pieces


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The verbose transcript of the shipped recording, as the running service gives it."""
    data = tmp_path_factory.mktemp("data")
    with served_by(data, LONGFORM_MODEL="demo") as client, SHIPPED.open("rb") as file:
        answer = client.post(
            "/v1/audio/transcriptions",
            data={
                "model": "whisper-1",
                "response_format": "verbose_json",
                "timestamp_granularities[]": ["word", "segment"],
            },
            files={"file": (SHIPPED.name, file)},
        )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_service_and_pipeline_agree_word_for_word(served, decoded):
    transcript, _ = decoded
    assert served["text"] == transcript.text
    here = [(word.text.strip(), round(word.start, 2)) for word in transcript.words]
    there = [(word["word"], round(word["start"], 2)) for word in served["words"]]
    assert there == here


def test_times_never_go_back(decoded):
    transcript, _ = decoded
    assert all(a.start <= b.start for a, b in pairwise(transcript.words))
    assert all(word.start <= word.end <= transcript.duration for word in transcript.words)
    assert all(a.end <= b.start + 1e-6 for a, b in pairwise(transcript.segments))


def test_agreed_words_of_every_seam_appear_once(decoded):
    transcript, pieces = decoded
    seams = [seam for seam in transcript.coverage.seams if seam.status != "silent"]
    assert len(seams) >= 8
    checked = 0
    for seam in seams:
        left, right = pieces[seam.left], pieces[seam.right]
        for word in left.words:
            if word.start < right.window.start:
                continue
            if beside(word, left.words) == beside(word, right.words) == 1:
                checked += 1
                assert beside(word, transcript.words) == 1, (seam, word)
    assert checked >= 3 * len(seams)


def beside(word, words) -> int:
    """How many of `words` are the same word at the same time."""
    return sum(
        key(other.text) == key(word.text) and abs(other.start - word.start) <= SAME_WORD_SECONDS
        for other in words
    )


def test_shipped_recording_is_understood(decoded):
    """A regression guard for the whole path; the model card has the figures."""
    transcript, _ = decoded
    reference = json.loads((RECORDINGS / "demo-meeting.json").read_text(encoding="utf-8"))
    scored = score(reference["text"], transcript.text)
    assert scored.reference_length > 700
    assert scored.wer is not None
    assert scored.wer <= 0.02
    said = [word for sentence in reference["sentences"] for word in sentence["words"]]
    for span in transcript.coverage.uncovered:  # only where a word is missing indeed
        spoken = sum(word["start"] < span.end and word["end"] > span.start for word in said)
        heard = sum(w.start < span.end and w.end > span.start for w in transcript.words)
        assert heard < spoken, span
