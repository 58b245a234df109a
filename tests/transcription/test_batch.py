import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.planted import PlantedDecoder, plant, text_of, write_wav
from transcription.audio import AudioLimits
from transcription.batch import Batch, SameTranscript, find_audio, transcribe_all, write_whole
from transcription.console import ProgressBars
from transcription.options import SpeechOptions, TranscriptionOptions


@pytest.fixture
def batch(tmp_path):
    decoder = PlantedDecoder()
    options = TranscriptionOptions(speech=SpeechOptions(skip_silence=False))
    yield Batch(decoder, options, ("text", "srt"), tmp_path / "out", AudioLimits())
    decoder.close()


def run(batch, *paths):
    with ProgressBars(Console(file=io.StringIO()), is_shown=False) as bars:
        return transcribe_all(find_audio(list(paths)), batch, bars)


def test_folder_is_transcribed_and_then_skipped(batch, tmp_path):
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    write_wav(folder / "one.wav", plant(50))
    write_wav(tmp_path / "in" / "two.wav", plant(60))
    (tmp_path / "in" / "notes.txt").write_text("not sound")
    first = run(batch, tmp_path / "in")
    assert [outcome.problem for outcome in first] == [None, None]
    assert (batch.output / "deep" / "one.txt").read_text().split() == text_of(50).split()
    assert (batch.output / "two.srt").exists()
    clips = batch.decoder.clips
    again = run(batch, tmp_path / "in")
    assert all(outcome.transcript is None and outcome.problem is None for outcome in again)
    assert batch.decoder.clips == clips


def test_one_bad_file_does_not_stop_the_others(batch, tmp_path):
    good = write_wav(tmp_path / "good.wav", plant(20))
    (bad := tmp_path / "bad.wav").write_text("this is no sound at all")
    outcomes = run(batch, bad, good)
    assert outcomes[0].problem
    assert outcomes[1].transcript is not None
    assert sorted(path.name for path in batch.output.iterdir()) == ["good.srt", "good.txt"]


def test_same_stem_keeps_both(batch, tmp_path):
    one = write_wav(tmp_path / "talk.wav", plant(10))
    two = tmp_path / "talk.aiff"
    two.write_bytes(one.read_bytes())
    run(batch, one, two)
    names = {path.name for path in batch.output.iterdir()}
    assert {"talk.wav.txt", "talk.aiff.txt"} <= names


def test_folders_with_the_same_names_in_them_keep_apart(batch, tmp_path):
    for number, folder in enumerate(("mon", "tue"), 1):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "talk.wav", plant(10 * number))
    run(batch, tmp_path / "mon", tmp_path / "tue")
    for number, folder in enumerate(("mon", "tue"), 1):
        text = (batch.output / folder / "talk.txt").read_text()
        assert text.split() == text_of(10 * number).split()


def test_files_that_would_overwrite_each_other_are_refused(batch, tmp_path):
    for folder in ("mon", "tue"):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "talk.wav", plant(10))
    with pytest.raises(SameTranscript, match="same transcript"):
        run(batch, tmp_path / "mon" / "talk.wav", tmp_path / "tue" / "talk.wav")
    assert not batch.output.exists()


def test_a_file_given_twice_and_hidden_files(tmp_path):
    talk = write_wav(tmp_path / "talk.wav", plant(3))
    (tmp_path / "._talk.wav").write_bytes(b"what another system left")
    assert find_audio([tmp_path]) == [(talk, Path("talk.wav"))]
    assert [file for file, _ in find_audio([talk, talk, tmp_path])] == [talk]


def test_missing_file_is_a_problem_of_its_own(batch, tmp_path):
    (outcome,) = run(batch, tmp_path / "nowhere.wav")
    assert outcome.problem


def test_write_whole_leaves_no_partial(tmp_path):
    write_whole(tmp_path / "a" / "b.txt", "text")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]
