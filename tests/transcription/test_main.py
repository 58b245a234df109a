import errno
import json
import os
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import transcription.__main__ as command
from decoding.errors import ModelNotFound
from tests.planted import PlantedDecoder, plant, text_of, write_wav
from tests.transcription.kinds import ffmpeg
from transcription.batch_record import RECORD
from transcription.render import FORMATS

VOICE = Path(__file__).parents[2] / "app" / "static" / "sample.opus"

runner = CliRunner()


@pytest.fixture
def planted(monkeypatch):
    decoder = PlantedDecoder()
    monkeypatch.setattr(command, "open_decoder", lambda settings: decoder)
    yield decoder
    decoder.close()


def run(*arguments):
    return loud("--quiet", *arguments)


def loud(*arguments):
    return runner.invoke(command.cli, ["--no-vad", *map(str, arguments)])


def test_text_on_standard_output(planted, tmp_path):
    result = run(write_wav(tmp_path / "talk.wav", plant(80)))
    assert result.exit_code == 0
    assert result.stdout.split() == text_of(80).split()
    assert planted.is_closed


def test_how_hypotheses_are_ranked_reaches_the_engine(planted, tmp_path, monkeypatch):
    asked, submit = [], planted.submit
    monkeypatch.setattr(
        planted, "submit", lambda clip, options: (asked.append(options), submit(clip, options))[1]
    )
    talk = write_wav(tmp_path / "talk.wav", plant(80))
    for given, ranking in (((), "minimum_bayes_risk"), (("--ranking", "likelihood"), "likelihood")):
        asked.clear()
        run(talk, *given)
        assert {one.ranking for one in asked} == {ranking}
    refused = run(talk, "--ranking", "best")
    assert refused.exit_code == 2
    assert "--ranking" in refused.output


def test_report_goes_to_standard_error(planted, tmp_path):
    result = run(write_wav(tmp_path / "talk.wav", plant(80)), "--report", "--format", "srt")
    assert result.stdout.startswith("1\n00:00:00,")
    assert "seams" in result.stderr
    assert "seams" not in result.stdout


def test_verbose_json_parses(planted, tmp_path):
    result = run(write_wav(tmp_path / "talk.wav", plant(80)), "-f", "verbose_json")
    answer = json.loads(result.stdout)
    assert answer["duration"] == pytest.approx(80 * 0.48 + 0.5)
    assert answer["coverage"]["windows"] == planted.clips
    assert [word["word"] for word in answer["words"]] == text_of(80).split()


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_subtitles_as_wide_as_asked(planted, tmp_path, name):
    path = write_wav(tmp_path / "talk.wav", plant(80))
    result = run(path, "-f", name, "--max-line-length", "12", "--max-lines", "1")
    lines = [line for line in result.stdout.splitlines() if line.startswith("w")]
    assert " ".join(lines) == text_of(80)
    assert max(map(len, lines)) <= 12


@pytest.fixture
def game(tmp_path):
    """Two speakers, each on an audio track of their own."""
    one = plant(20)
    voices = (one, np.where(one > 0, one + 100, 0).astype(np.int16))
    paths = [write_wav(tmp_path / f"{number}.wav", voice) for number, voice in enumerate(voices)]
    film = tmp_path / "game.mkv"
    maps = ("-map", "0:a", "-map", "1:a", "-c:a", "pcm_s16le")
    ffmpeg("-i", paths[0], "-i", paths[1], *maps, film)
    return film


@pytest.mark.parametrize(("number", "first"), [(1, 0), (2, 100)])
def test_the_audio_track_that_is_heard_is_chosen(planted, game, number, first):
    result = run(game, "--audio-track", number)
    assert result.stdout.split() == text_of(20, first).split()


def test_the_tracks_of_a_file_are_its_speakers(planted, game):
    result = run(game, "--channels", "tracks", "--format", "diarized_json")
    said = {segment["speaker"]: "" for segment in json.loads(result.stdout)["segments"]}
    for segment in json.loads(result.stdout)["segments"]:
        said[segment["speaker"]] += f" {segment['text']}"
    assert {name: text.split() for name, text in said.items()} == {
        "A": text_of(20).split(),
        "B": text_of(20, 100).split(),
    }


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--audio-track", "3"], "the file has 2 audio tracks"),
        (["--audio-track", "1", "--channels", "tracks"], "channels=tracks asks for all"),
    ],
)
def test_a_track_that_cannot_be_heard_is_told(planted, game, options, complaint):
    result = run(game, *options)
    assert result.exit_code != 0
    assert complaint in " ".join(result.output.split())


def test_a_short_window_brings_its_overlap(planted, tmp_path):
    result = run(write_wav(tmp_path / "talk.wav", plant(80)), "--window", "6")
    assert result.exit_code == 0
    assert result.stdout.split() == text_of(80).split()
    assert planted.clips > 5


def test_windows_that_follow_the_writing(planted, tmp_path):
    path = write_wav(tmp_path / "talk.wav", plant(400))
    result = run(path, "--plan", "chains", "--chain", "90")
    assert result.exit_code == 0
    assert result.stdout.split() == text_of(400).split()


@pytest.mark.parametrize(
    ("name", "more", "is_told"),
    [("demo", [], True), ("base", [], False), ("demo", ["--quiet"], False)],
)
def test_the_demo_model_says_what_it_cannot(planted, tmp_path, name, more, is_told):
    """Whatever was asked for: what counts is the model that is loaded."""
    planted.model = replace(planted.model, name=name)
    result = loud(write_wav(tmp_path / "talk.wav", plant(5)), *more)
    assert ("not people" in " ".join(result.stderr.split())) is is_told


def test_folder_needs_an_output(planted, tmp_path):
    write_wav(tmp_path / "talk.wav", plant(5))
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "--output" in result.stderr


def test_folder_summary_and_exit_code(planted, tmp_path):
    write_wav(tmp_path / "good.wav", plant(20))
    (tmp_path / "bad.mp3").write_text("no sound")
    result = run(tmp_path, "--output", tmp_path / "out", "--format", "text,vtt", "--report")
    assert result.exit_code == 1
    assert "1 transcribed" in result.stderr
    assert "1 failed" in result.stderr
    assert (tmp_path / "out" / "good.vtt").read_text().startswith("WEBVTT")


def test_what_was_done_with_other_options_is_told(planted, tmp_path):
    folder = write_wav(tmp_path / "talk.wav", plant(5)).parent
    asked = (folder, "--output", tmp_path / "out")
    assert "options" not in run(*asked).stderr
    assert "options" not in run(*asked, "--threads", "1").stderr
    for other in (("--beam-size", "1"), ("--precision", "fp32"), ("--max-lines", "1")):
        result = run(*asked, *other)
        assert result.exit_code == 0
        told = " ".join(result.stderr.split())
        assert "1 of those done before are of another model, other options" in told
        assert "0 transcribed" in told


def test_a_record_that_cannot_be_read_is_told(planted, tmp_path):
    (tmp_path / "out" / RECORD).mkdir(parents=True)
    result = run(write_wav(tmp_path / "talk.wav", plant(5)), "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert RECORD in "".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_a_full_disk_is_told_and_what_to_do(planted, tmp_path, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("one", "two"):
        write_wav(tmp_path / f"{name}.wav", plant(5))
    monkeypatch.setattr(os, "fsync", full)
    result = run(tmp_path, "--output", tmp_path / "out", "--files-at-once", "1")
    assert result.exit_code == 1
    told = " ".join(result.stderr.split())
    assert "0 transcribed" in told
    assert "no room left in" in told
    assert "run the same command again to go on" in told


def test_one_file_of_which_nothing_can_be_made(planted, tmp_path, monkeypatch):
    def refuse(clip, options):
        raise ValueError("this clip is odd")

    monkeypatch.setattr(planted, "submit", refuse)
    result = run(write_wav(tmp_path / "talk.wav", plant(5)))
    assert result.exit_code == 1
    assert result.stderr.strip() == "talk.wav: this clip is odd"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_the_table_is_written(planted, tmp_path, name):
    path = write_wav(tmp_path / "talk.wav", plant(5))
    result = run(path, "--format", name, "--channels", "split", "-o", tmp_path / "out")
    assert result.exit_code == 0
    text = (tmp_path / "out" / f"talk.{FORMATS[name].suffix}").read_text()
    assert text_of(5).split()[0] in text


@pytest.mark.parametrize("more", [(), ("--output", "out")])
def test_folder_without_sound(monkeypatch, tmp_path, more):
    """Told before a model is loaded, and as what it is."""
    monkeypatch.setattr(command, "open_decoder", None)
    (tmp_path / "dictation.ds2").write_bytes(b"x")
    result = run(tmp_path, *more)
    assert result.exit_code == 1
    told = " ".join(result.stderr.split())
    assert "no files of sound" in told
    assert ".ds2 is not read" in told


def test_a_folder_that_cannot_be_listed_is_told_and_the_rest_done(planted, tmp_path, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if path == str(tmp_path / "closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    (tmp_path / "closed").mkdir()
    write_wav(tmp_path / "talk.wav", plant(5))
    monkeypatch.setattr(os, "scandir", refuse)
    result = run(tmp_path, "--output", tmp_path / "out")
    assert result.exit_code == 1
    told = " ".join(result.stderr.split())
    assert "1 transcribed" in told
    assert "closed: could not be looked into, Permission denied" in told
    assert (tmp_path / "out" / "talk.txt").exists()


def test_an_output_that_cannot_be_written_to(monkeypatch, tmp_path):
    """Told before a model is loaded."""
    monkeypatch.setattr(command, "open_decoder", None)
    talk = write_wav(tmp_path / "talk.wav", plant(5))
    result = run(talk, "--output", talk / "out")
    assert result.exit_code == 2
    assert "talk.wav is a file" in " ".join(result.stderr.split())
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK)
    result = run(talk, "--output", tmp_path / "out" / "deep")
    assert result.exit_code == 2
    assert "a folder to write to" in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


def test_files_that_would_overwrite_each_other(planted, tmp_path):
    for folder in ("mon", "tue"):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "talk.wav", plant(5))
    result = run(tmp_path / "mon/talk.wav", tmp_path / "tue/talk.wav", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "same transcript" in " ".join(result.stderr.split())


def test_file_that_is_no_sound(planted, tmp_path):
    (path := tmp_path / "letter.mp3").write_text("Dear Sir or Madam")
    result = run(path)
    assert result.exit_code == 1
    assert "letter.mp3" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "docx"], "--format takes"),
        (["--format", "json,verbose_json"], "take one"),
        (["--format", "diarized_json"], "needs --channels split"),
        (["--beam-size", "99"], "beam_size must be 1 to 16"),
        (["--overlap", "29"], "overlap must be"),
        (["--chain", "60"], "chain is for the plan 'chains'"),
        (["--format", "text,srt"], "--output"),
        (["nowhere.wav"], "there is no file or folder nowhere.wav"),
        (["--output", __file__], "--output must be a folder"),
        (["--language", "klingon"], "got 'klingon'"),
        (["--languages", "en,xx"], "got 'xx'"),
        (["--language", "Hindi"], "knows only English, not 'hi'"),
        (["--translate"], "cannot translate"),
        (["--temperature", "5"], "temperature must be 0 to 1, got 5"),
        (["--precision", "nine"], "precision: Input should be"),
        (["--vad-pad", "-1"], "0 seconds or more"),
        (["--max-lines", "0"], "one line"),
    ],
)
def test_wrong_use_is_explained(planted, tmp_path, arguments, message):
    result = run(write_wav(tmp_path / "talk.wav", plant(5)), *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--language", "fr"], "the model tiny.en knows only English, not 'fr'"),
        (["--languages", "en,fr"], "the model tiny.en knows only English, not 'fr'"),
        (["--translate"], "the model tiny.en knows only English and cannot translate"),
    ],
)
def test_what_a_model_of_english_cannot_is_told_before_it_is_loaded(
    monkeypatch, tmp_path, asked, told
):
    monkeypatch.setattr(command, "open_decoder", None)
    result = run(write_wav(tmp_path / "talk.wav", plant(5)), "--model", "tiny.en", *asked)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())


def test_the_version_is_told(monkeypatch):
    result = runner.invoke(command.cli, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("longform ")
    assert result.stdout.strip() != "longform"


def test_one_that_is_not_installed_says_so(monkeypatch):
    def refuse(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("transcription.command_options.version", refuse)
    assert "not installed" in runner.invoke(command.cli, ["--version"]).stdout


@pytest.mark.parametrize("more", [(), ("--report",), ("--quiet",)])
@pytest.mark.parametrize("has_output", [True, False])
def test_words_that_stand_twice_are_told(planted, tmp_path, more, has_output):
    """Two channels that are the same, and each asked for by itself; told once, unless quiet."""
    talk = tmp_path / "talk.wav"
    ffmpeg("-i", VOICE, "-t", "6", "-af", "volume=0.05", "-ac", "2", talk)  # below planted words
    place = ("--output", tmp_path / "out") if has_output else ()
    result = loud(talk, "--channels", "split", *place, *more)
    assert result.exit_code == 0
    told = " ".join(result.stderr.split())
    assert told.count("Channels 1 and 2 hold the same sound") == ("--quiet" not in more)


def test_model_that_cannot_be_had_gives_one_sentence(monkeypatch, tmp_path):
    def refuse(settings):
        raise ModelNotFound(f"{settings.model} could not be downloaded")

    monkeypatch.setattr(command, "open_decoder", refuse)
    result = run(write_wav(tmp_path / "talk.wav", plant(5)), "--model", "turbo")
    assert result.exit_code == 2
    assert result.stderr.strip() == "turbo could not be downloaded"
