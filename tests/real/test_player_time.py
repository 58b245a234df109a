"""Words that people would look for in a player: each stands where the player shows it.

Files whose clock is not simply that of their samples are made of the shipped recording, decoded,
and heard in one window by the official `base`. A word's time is compared with that in the plain
sound, moved by what the file's clock says. Clips of one word go through the whole pipeline, which
must not take them for silence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.speed.systems.sound import RECORDING
from decoding.types import DecodingOptions
from tests.real.official import spoken
from tests.transcription.kinds import AAC, Make, damaged, dropped, ffmpeg, late, only_late
from transcription.audio import decode_audio
from transcription.options import TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.window_decoder import EngineWindowDecoder

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SPOKEN = ("-t", "12.4", "-i", str(RECORDING))
MARKERS = (" about", " one", " week")
"""Said from second 8.6 to 9.5, behind what is dropped or damaged."""
WORD, WORD_AT, CLIP_AT, CLIP_SECONDS = "country", 5.78, 5.73, 0.65
"""What Kennedy says there, and what is cut out of it: a clip of one word."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A file, and by how much a player shows its words later than the plain sound's, seconds."""

    name: str
    make: Make
    seconds: float = 0.0


FILES = (
    Moved("gap.mp4", dropped(*AAC, of=SPOKEN, since=4.2)),
    Moved("late.mkv", late(4, *AAC, of=SPOKEN), 4),
    Moved("edit-list.m4a", only_late(*AAC, of=SPOKEN), 4),
    Moved("early.mp4", late(-2, *AAC, of=SPOKEN), -2),
    Moved("damaged.m4a", damaged(*AAC, of=SPOKEN, share=(0.35, 0.5))),
)


def markers_of(official, path, folder) -> list[float]:
    """When each of the marker words begins."""
    (recording,) = decode_audio(path, folder)
    samples = np.fromfile(recording.path, "<i2").astype(np.int16)
    words = official.decode(samples, language="en", temperatures=(0.0,)).words
    texts = [word.text for word in words]
    for first in range(len(texts)):
        if tuple(texts[first : first + len(MARKERS)]) == MARKERS:
            return [word.start for word in words[first : first + len(MARKERS)]]
    raise AssertionError(f"{MARKERS} are not in {texts}")


@pytest.fixture(scope="module")
def plain(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    ffmpeg(*SPOKEN, folder / "plain.wav")
    return markers_of(base, folder / "plain.wav", folder)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_word_stands_where_a_player_shows_it(base, plain, file, tmp_path):
    file.make(tmp_path / file.name)
    found = markers_of(base, tmp_path / file.name, tmp_path)
    assert found == pytest.approx([start + file.seconds for start in plain], abs=0.1)


@pytest.mark.parametrize(("name", "shift"), [("word.wav", 0), ("word.m4a", 4)])
def test_a_clip_of_one_word_is_heard(base, name, shift, tmp_path):
    cut = tmp_path / "cut.wav"
    ffmpeg("-ss", CLIP_AT, "-t", CLIP_SECONDS, "-i", spoken("jfk/jfk.flac"), cut)
    ffmpeg("-itsoffset", shift, "-i", cut, tmp_path / name)
    english = TranscriptionOptions(decoding=DecodingOptions(language="en"))
    windows = EngineWindowDecoder(base.engine, group="clip")
    found = transcribe(tmp_path / name, english, windows, workspace=tmp_path)
    words = [word for segment in found.segments for word in segment.words]
    (start,) = (word.start for word in words if word.text.strip(" .") == WORD)
    assert start == pytest.approx(WORD_AT - CLIP_AT + shift, abs=0.1)
    assert found.duration == pytest.approx(CLIP_SECONDS + shift, abs=0.1)
