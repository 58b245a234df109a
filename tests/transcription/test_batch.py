import errno
import io
import os
from dataclasses import replace

import pytest
from rich.console import Console

from tests.planted import PlantedDecoder, plant, text_of, write_wav
from transcription.batch import (
    Batch,
    transcribe_all,
)
from transcription.batch_record import RECORD
from transcription.console import ProgressBars
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.reader import ThreadReader
from transcription.sound_files import find_audio
from transcription.transcript_names import SameTranscript


@pytest.fixture
def batch(tmp_path):
    decoder = PlantedDecoder()
    options = TranscriptionOptions(speech=SpeechOptions(skip_silence=False))
    yield Batch(decoder, options, ("text", "srt"), tmp_path / "out", ThreadReader())
    decoder.close()


def run(batch, *paths):
    with ProgressBars(Console(file=io.StringIO()), is_shown=False) as bars:
        return transcribe_all(find_audio(list(paths)).files, batch, bars).outcomes


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != RECORD)


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
    assert names_in(batch.output) == ["good.srt", "good.txt"]


class BreakingReader(ThreadReader):
    """Reads what it is given, but for files whose name an error has."""

    def __init__(self, **errors):
        super().__init__()
        object.__setattr__(self, "errors", errors)

    def read(self, source, workspace, options, vad):
        if source.stem in self.errors:
            raise self.errors[source.stem]
        return super().read(source, workspace, options, vad)


@pytest.mark.parametrize("error", [ValueError("nothing fits"), RuntimeError(), KeyError("a")])
def test_whatever_befalls_one_recording_the_others_are_done(batch, tmp_path, caplog, error):
    for name in ("bad", "good"):
        write_wav(tmp_path / f"{name}.wav", plant(20))
    bad, good = run(replace(batch, reader=BreakingReader(bad=error)), tmp_path)
    assert type(error).__name__ in bad.problem
    assert good.transcript is not None
    assert "bad.wav could not be transcribed" in caplog.text


def test_an_error_without_words_is_a_problem_too(batch, tmp_path):
    write_wav(tmp_path / "bad.wav", plant(2))
    (outcome,) = run(replace(batch, reader=BreakingReader(bad=OSError())), tmp_path)
    assert outcome.problem == "OSError"


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_ends_the_run(batch, tmp_path):
    """The second of many, while the first is at work: what is ended is told, no other is begun."""
    for number in range(9):
        write_wav(tmp_path / f"{number}.wav", plant(20))
    full = replace(batch, reader=BreakingReader(**{"1": FULL}), files_at_once=1)
    with ProgressBars(Console(file=io.StringIO()), is_shown=False) as bars:
        ended = transcribe_all(find_audio([tmp_path]).files, full, bars)
    assert "no room left in" in ended.stopped
    assert [outcome.source.name for outcome in ended.outcomes if outcome.transcript] == ["0.wav"]
    assert [path.name for path in batch.output.iterdir() if path.suffix == ".txt"] == ["0.txt"]
    assert batch.decoder.is_closed


def test_no_room_for_a_transcript_ends_the_run(batch, tmp_path, monkeypatch):
    def full(number):
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    talk = write_wav(tmp_path / "talk.wav", plant(5))
    with ProgressBars(Console(file=io.StringIO()), is_shown=False) as bars:
        ended = transcribe_all(find_audio([talk]).files, batch, bars)
    assert ended.stopped == f"there is no room left in {batch.output}"
    assert list(batch.output.iterdir()) == []


def test_same_stem_keeps_both(batch, tmp_path):
    one = write_wav(tmp_path / "talk.wav", plant(10))
    two = tmp_path / "talk.aiff"
    two.write_bytes(one.read_bytes())
    run(batch, one, two)
    assert names_in(batch.output) == [
        *("talk.aiff.srt", "talk.aiff.txt", "talk.wav.srt", "talk.wav.txt")
    ]


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


def test_missing_file_is_a_problem_of_its_own(batch, tmp_path):
    (outcome,) = run(batch, tmp_path / "nowhere.wav")
    assert outcome.problem


def test_what_could_not_be_written_is_told_before_it_is_transcribed(batch, tmp_path):
    long = write_wav(tmp_path / f"{'x' * 251}.wav", plant(5))
    talk = write_wav(tmp_path / "talk.wav", plant(5))
    (batch.output / "talk.srt").mkdir(parents=True)
    json = replace(batch, formats=("json",))
    assert "too long" in run(json, long)[0].problem
    assert "is a folder" in run(batch, talk)[0].problem
    assert batch.decoder.clips == 0
    assert run(replace(batch, formats=("text",)), long)[0].transcript is not None


def words_of(batch, name):
    return len((batch.output / name).read_text().split())


def test_a_source_that_has_changed_is_transcribed_again(batch, tmp_path):
    for name in ("one", "two"):
        write_wav(tmp_path / f"{name}.wav", plant(5))
    run(batch, tmp_path)
    write_wav(tmp_path / "two.wav", plant(8))
    one, two = run(batch, tmp_path)
    assert one.transcript is None
    assert two.transcript is not None
    assert words_of(batch, "two.txt") == 8
    os.utime(tmp_path / "one.wav", (1, 1))
    assert [outcome.transcript is None for outcome in run(batch, tmp_path)] == [False, True]


def test_each_format_is_of_the_source_that_it_was_made_of(batch, tmp_path):
    """A subtitle of the new source makes no text of the old one new."""
    text, srt = replace(batch, formats=("text",)), replace(batch, formats=("srt",))
    write_wav(tmp_path / "talk.wav", plant(5))
    run(text, tmp_path)
    write_wav(tmp_path / "talk.wav", plant(8))
    run(srt, tmp_path)
    assert words_of(batch, "talk.txt") == 5
    run(text, tmp_path)
    assert words_of(batch, "talk.txt") == 8
    assert all(outcome.transcript is None for outcome in run(batch, tmp_path))


def test_what_earlier_versions_made_is_done(batch, tmp_path):
    write_wav(tmp_path / "talk.wav", plant(5))
    run(batch, tmp_path)
    (batch.output / RECORD).unlink()
    write_wav(tmp_path / "talk.wav", plant(8))
    (outcome,) = run(batch, tmp_path)
    assert (outcome.transcript, outcome.problem, outcome.is_of_others) == (None, None, False)


def test_another_model_and_other_options_are_told(batch, tmp_path):
    write_wav(tmp_path / "talk.wav", plant(5))
    batch = replace(batch, formats=("json",), options_digest="abc")
    run(batch, tmp_path)
    assert not run(batch, tmp_path)[0].is_of_others
    batch.decoder.model = replace(batch.decoder.model, name="other")
    assert run(batch, tmp_path)[0].is_of_others
    del batch.decoder.model
    for other in ({"options_digest": "def"}, {"formats": ("verbose_json",)}):
        (outcome,) = run(replace(batch, **other), tmp_path)
        assert outcome.is_of_others
        assert outcome.transcript is None
    run(replace(batch, options_digest="def", overwrite=True), tmp_path)
    assert run(batch, tmp_path)[0].is_of_others


def test_a_neighbour_that_comes_later_changes_no_name(batch, tmp_path):
    (folder := tmp_path / "in").mkdir()
    wav = write_wav(folder / "talk.wav", plant(5))
    batch = replace(batch, formats=("text",))
    run(batch, folder)
    (folder / "talk.aiff").write_bytes(write_wav(tmp_path / "other.wav", plant(8)).read_bytes())
    new, old = run(batch, folder)
    assert (new.transcript is None, old.transcript is None) == (False, True)
    assert names_in(batch.output) == ["talk.aiff.txt", "talk.txt"]
    assert (words_of(batch, "talk.txt"), words_of(batch, "talk.aiff.txt")) == (5, 8)
    assert all(outcome.transcript is None for outcome in run(batch, folder))
    wav.unlink()
    assert run(batch, folder)[0].transcript is None
    assert names_in(batch.output) == ["talk.aiff.txt", "talk.txt"]


def test_another_recording_of_the_same_name_replaces_nothing(batch, tmp_path):
    for number, folder in ((5, "mon"), (8, "tue")):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "talk.wav", plant(number))
    run(batch, tmp_path / "mon")
    (refused,) = run(batch, tmp_path / "tue")
    assert "talk is the transcript of" in refused.problem
    assert str(tmp_path / "mon" / "talk.wav") in refused.problem
    assert words_of(batch, "talk.txt") == 5
    run(replace(batch, overwrite=True), tmp_path / "tue")
    assert words_of(batch, "talk.txt") == 8


def test_a_folder_that_was_moved_is_done(batch, tmp_path):
    (tmp_path / "in").mkdir()
    write_wav(tmp_path / "in" / "talk.wav", plant(5))
    run(batch, tmp_path / "in")
    moved = (tmp_path / "in").rename(tmp_path / "moved")
    assert run(batch, moved)[0].transcript is None
    write_wav(moved / "talk.wav", plant(8))
    assert run(batch, moved)[0].transcript is not None
