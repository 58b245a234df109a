"""Every kind of file is read whole, and every sound in it stands where a player shows it."""

import re
from pathlib import Path

import numpy as np
import pytest

from decoding.types import SAMPLE_RATE
from tests.transcription.kinds import (
    CLOSED_UP,
    LONG,
    MP3,
    ON_THE_CLOCK,
    SECONDS,
    TONE,
    Kind,
    damaged,
    late,
    page,
    source,
    tone_of,
)
from transcription.audio import AudioStream
from transcription.decoder_runs import PIECE_BYTES
from transcription.ffmpeg import PIPE_BYTES
from transcription.types import BYTES_PER_SAMPLE


def heard(kind, folder):
    path = folder / kind.name
    kind.make(path)
    with AudioStream(path, folder / "decoded") as stream:
        for _ in stream:
            pass
        (recording,) = stream.recordings
        return recording.duration, np.fromfile(recording.path, "<i2"), stream.warnings


@pytest.mark.parametrize("kind", ON_THE_CLOCK, ids=lambda kind: kind.name[:30])
def test_kind_is_read_on_the_clock_of_a_player(kind, tmp_path):
    duration, samples, warnings = heard(kind, tmp_path)
    assert tone_of(samples) == pytest.approx(kind.tone, abs=0.1)
    assert duration == pytest.approx(kind.duration, abs=0.1)
    if kind.warning is None:
        assert warnings == ()
    else:
        assert kind.warning in " ".join(warnings)


@pytest.mark.parametrize("kind", CLOSED_UP, ids=lambda kind: kind.name)
def test_damage_of_a_file_without_times_is_placed(kind, tmp_path):
    duration, samples, warnings = heard(kind, tmp_path)
    assert SECONDS * 0.6 < duration < SECONDS
    # what is behind the damage was read, as much earlier as is missing
    assert tone_of(samples) == pytest.approx(TONE - (SECONDS - duration), abs=0.3)
    assert kind.warning in warnings[0]


def test_where_damage_begins_is_told(tmp_path):
    """Never later than it does, and as nearly as can be known: what lay in the pipe when we heard
    of it may be from before."""
    behind = (PIPE_BYTES + PIECE_BYTES) / (SAMPLE_RATE * BYTES_PER_SAMPLE)
    long = source(seconds=240.0, tone=230.0)
    _, _, warnings = heard(Kind("damaged.mp3", "MP3", damaged(*MP3, of=long)), tmp_path)
    placed = re.search(r"the first about (\d+) s into it", warnings[0])
    assert placed
    assert 60.0 - behind <= int(placed[1]) <= 60.0 + 1.0


def test_a_late_start_is_lost_in_avi(tmp_path):
    """It is written as empty pieces of sound, which ffmpeg does not count."""
    duration, samples, _ = heard(Kind("late.avi", "AVI", late(4, *MP3)), tmp_path)
    assert tone_of(samples) == pytest.approx(TONE, abs=0.1)
    assert duration == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.slow  # 9 s of a processor: 1.4 GB of samples pass by
@pytest.mark.timeout(600)
def test_twelve_hours_are_read_on_the_clock_of_a_player(tmp_path):
    LONG.make(tmp_path / LONG.name)
    seconds, loud = 0.0, []
    with AudioStream(tmp_path / LONG.name, tmp_path / "decoded") as stream:
        for block in stream:
            if not loud:
                loud = [seconds + n / SAMPLE_RATE for n in np.flatnonzero(block[0] > 1000)[:1]]
            seconds += block.shape[1] / SAMPLE_RATE
        (recording,) = stream.recordings
        recording.path.unlink()
    assert loud == [pytest.approx(LONG.tone, abs=0.1)]
    assert recording.duration == pytest.approx(seconds, abs=0.001)
    assert recording.duration == pytest.approx(LONG.duration, abs=0.1)
    assert stream.warnings == ()


def test_the_page_of_formats_is_this_table():
    written = Path(__file__).parents[2] / "docs" / "formats.md"
    assert written.read_text("utf-8") == page(), "python tests/transcription/kinds.py writes it"
