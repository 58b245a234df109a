"""Words that people would look for in a player: each stands where the player shows it.

Files whose clock is not simply that of their samples are made of the shipped recording, decoded,
and heard in one window by the official `base`. A word's time is compared with that in the plain
sound, moved by what the file's clock says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.speed.systems.sound import RECORDING
from tests.transcription.kinds import AAC, Make, damaged, dropped, ffmpeg, late, only_late
from transcription.audio import decode_audio

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SPOKEN = ("-t", "12.4", "-i", str(RECORDING))
MARKERS = (" about", " one", " week")
"""Said from second 8.6 to 9.5, behind what is dropped or damaged."""


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
