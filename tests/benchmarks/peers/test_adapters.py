"""What each adapter asks of its library and makes of the answer.

The libraries are stood in for by small objects with the same calls; the real ones need weights.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.formats.types import TimedWord
from benchmarks.peers.faster_whisper import FasterWhisper
from benchmarks.peers.openai_whisper import OpenAiWhisper
from benchmarks.peers.registry import open_peer
from benchmarks.peers.transformers_whisper import TransformersWhisper
from benchmarks.peers.types import PeerSpec, PeerTranscript
from benchmarks.peers.whisperx import WhisperX


class Recogniser:
    """Answers as one of the libraries would and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}
        self.sound: Any = None
        self.device = SimpleNamespace(type="cpu")
        self.model = SimpleNamespace(generation_config=SimpleNamespace(is_multilingual=True))

    def transcribe(self, sound: Any, **asked: Any) -> Any:
        self.sound, self.asked = sound, asked
        return self.answer

    __call__ = transcribe


@pytest.fixture
def sound(tmp_path: Path, make_sound) -> Path:
    return make_sound(tmp_path / "a.wav", 0.5)


def test_openai_whisper(sound: Path) -> None:
    word = {"word": " hello", "start": 0.0, "end": 0.4}
    answer = {"text": " hello", "segments": [{"words": [word]}, {}], "language": "en"}
    library = Recogniser(answer)
    peer = OpenAiWhisper(PeerSpec("openai-whisper"), library)
    heard = PeerTranscript("hello", (TimedWord("hello", 0.0, 0.4),), language="en")
    assert peer.transcribe(sound, "en") == heard
    assert library.sound.dtype == np.float32
    assert np.abs(library.sound).max() <= 1.0
    assert library.asked["beam_size"] == 5
    assert library.asked["word_timestamps"]
    assert not library.asked["fp16"]
    assert peer.settings["precision"] == "fp32"
    OpenAiWhisper(PeerSpec(beam_size=1), library).transcribe(sound, None)
    assert library.asked["beam_size"] is None
    assert library.asked["condition_on_previous_text"]
    OpenAiWhisper(PeerSpec(previous_text=False), library).transcribe(sound, None)
    assert not library.asked["condition_on_previous_text"]
    peer.close()


def test_faster_whisper(sound: Path) -> None:
    word = SimpleNamespace(word=" hello", start=0.0, end=0.4)
    segments = iter(
        [SimpleNamespace(text=" hello", words=[word]), SimpleNamespace(text=" there", words=None)]
    )
    library = Recogniser((segments, SimpleNamespace(language="hi")))
    peer = FasterWhisper(PeerSpec("faster-whisper"), library, {"beam_size": 5}, "int8")
    heard = PeerTranscript("hello there", (TimedWord("hello", 0.0, 0.4),), language="hi")
    assert peer.transcribe(sound, "hi") == heard
    assert library.asked == {"language": "hi", "beam_size": 5}
    assert peer.settings["precision"] == "int8"
    peer.close()


@pytest.mark.parametrize("algorithm", ["sequential", "chunked"])
def test_transformers(sound: Path, algorithm) -> None:
    library = Recogniser({"text": " hello"})
    peer = TransformersWhisper(PeerSpec("x"), library, algorithm, "float32")
    assert peer.transcribe(sound, "hi") == PeerTranscript("hello")
    generation = library.asked["generate_kwargs"]
    assert generation["language"] == "hi"
    assert generation["num_beams"] == 5
    assert ("chunk_length_s" in library.asked) == (algorithm == "chunked")
    assert ("temperature" in generation) == (algorithm == "sequential")
    assert ("chunk_length_s" in peer.settings) == (algorithm == "chunked")
    library.model.generation_config.is_multilingual = False
    peer.transcribe(sound, "en")
    assert "language" not in library.asked["generate_kwargs"]
    peer.close()


def test_whisperx(sound: Path) -> None:
    library = Recogniser({"segments": [{"text": " a "}, {"text": "b"}]})
    peer = WhisperX(PeerSpec("whisperx"), library)
    assert peer.transcribe(sound, "en") == PeerTranscript("a b")
    assert library.asked == {"batch_size": 8, "language": "en"}
    assert peer.settings["beam_size"] == "5"
    peer.close()


def test_ours_with_the_shipped_model(sound: Path) -> None:
    peer = open_peer(PeerSpec(threads=1))
    heard = peer.transcribe(sound, "en")
    assert heard.text == ""  # a tone is not speech
    assert heard.windows == 0
    assert peer.settings["beam_size"] == "5"
    peer.close()
