"""After a crash the same file is not decoded again; anything else is."""

import os
from dataclasses import replace

import pytest

from tests.planted import plant, write_wav
from transcription.audio_cache import NOTE
from transcription.ingest import ingest
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.reader import ThreadReader

OPTIONS = TranscriptionOptions()
READER = ThreadReader()


@pytest.fixture
def source(tmp_path):
    return write_wav(tmp_path / "talk.wav", plant(20))


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def sound(source, workspace):
    return ingest(source, workspace, OPTIONS, READER)


def spoil(path):
    """Other bytes under the same name, size and date: whoever decodes this again fails."""
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def detected(sound):
    """All but the names of the files."""
    return [(replace(recording, path=None), found) for recording, found in sound.channels]


def test_the_second_time_nothing_is_decoded(source, workspace, sound):
    spoil(source)
    assert ingest(source, workspace, OPTIONS, READER) == sound


def test_a_workspace_that_was_moved(source, workspace, sound):
    moved = workspace.rename(workspace.with_name("elsewhere"))
    spoil(source)
    again = ingest(source, moved, OPTIONS, READER)
    assert detected(again) == detected(sound)
    assert again.channels[0][0].path.parent == moved


@pytest.mark.parametrize(
    "options",
    [replace(OPTIONS, channels="split"), replace(OPTIONS, speech=SpeechOptions(threshold=0.9))],
    ids=["channels", "detector"],
)
def test_other_options_are_listened_to_anew(source, workspace, sound, options):
    again = ingest(source, workspace, options, READER)
    assert again.channels[0][0].path != sound.channels[0][0].path


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "half a note"])
def test_what_is_not_whole_is_decoded_again(source, workspace, sound, damage):
    samples, note = sound.channels[0][0].path, workspace / NOTE
    if damage == "changed":
        spoil(samples)
    elif damage == "cut":
        samples.write_bytes(samples.read_bytes()[:-2])
    elif damage == "gone":
        samples.unlink()
    else:
        note.write_bytes(note.read_bytes()[:100])
    again = ingest(source, workspace, OPTIONS, READER)
    assert again.channels[0][0].path != samples
    assert detected(again) == detected(sound)
