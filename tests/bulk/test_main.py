"""The command: what it is told, what it writes, how it ends."""

from __future__ import annotations

import json
from dataclasses import replace

import fsspec
import pytest
from typer.testing import CliRunner

import bulk.session as session
from bulk.__main__ import cli
from bulk.output import OutputFailed
from bulk.transcribing import RunStopped
from decoding.errors import ModelNotFound
from tests.planted import PlantedDecoder, plant, text_of, write_wav

runner = CliRunner()


class Planted(PlantedDecoder):
    model = replace(PlantedDecoder.model, is_multilingual=True, languages=("en", "de"))


@pytest.fixture
def opened(monkeypatch):
    """The engines that were opened."""
    made = []

    def open_decoder(_settings, **_more):
        made.append(Planted())
        return made[-1]

    monkeypatch.setattr(session, "open_decoder", open_decoder)
    yield made
    for decoder in made:
        decoder.close()


@pytest.fixture
def talks(tmp_path):
    for number in range(3):
        write_wav(tmp_path / f"{number}.wav", plant(5 + number))
    return tmp_path


def manifest(folder, *lines):
    path = folder / "m.jsonl"
    path.write_text(
        "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
    )
    return path


def run(source, output, *more):
    return runner.invoke(cli, ["-i", str(source), "-o", str(output), "--no-vad", *more])


def index_of(output):
    return [json.loads(line) for line in (output / "index.jsonl").read_text().splitlines()]


def test_a_manifest_becomes_results_and_an_index(opened, talks):
    source = manifest(
        talks,
        {"audio": "0.wav", "id": "first", "language": "de"},
        {"audio": "1.wav", "text": text_of(6)},
    )
    result = run(source, talks / "out", "--price-per-hour", "2")
    assert result.exit_code == 0, result.output
    assert "2 completed" in result.stderr
    assert "word error rate 0.00%" in result.stderr
    assert "per hour of sound" in result.stderr
    assert result.stdout == ""
    first, second = index_of(talks / "out")
    assert (first["id"], first["audio"], first["language"]) == ("first", "0.wav", "en")
    assert second["reference_words"] == 12  # w0 is two words to these rules
    told = json.loads((talks / "out" / first["result"]).read_text())
    assert told["text"] == text_of(5)
    assert [word["word"] for word in told["words"]] == text_of(5).split()


def test_a_second_run_opens_no_engine(opened, talks):
    run(talks, talks / "out")
    before = (talks / "out" / "index.jsonl").read_bytes()
    assert run(talks, talks / "out").exit_code == 0
    assert len(opened) == 1
    assert (talks / "out" / "index.jsonl").read_bytes() == before


def test_more_lines_are_done_and_the_others_skipped(opened, talks):
    run(manifest(talks, {"audio": "0.wav"}), talks / "out")
    result = run(manifest(talks, {"audio": "1.wav"}, {"audio": "0.wav"}), talks / "out")
    assert "1 to do, 1 done" in result.stderr
    assert [entry["audio"] for entry in index_of(talks / "out")] == ["1.wav", "0.wav"]
    assert opened[1].clips == 1


def test_failures_are_named_and_the_exit_code_tells(opened, talks):
    (talks / "letter.mp3").write_text("Dear Sir or Madam")
    lines = ({"audio": "0.wav"}, "{oops", {"audio": "letter.mp3"}, {"audio": "none.wav"})
    result = run(manifest(talks, *lines), talks / "out")
    assert result.exit_code == 1
    assert "1 completed" in result.stderr
    assert "3 failed" in result.stderr
    codes = [entry["error_code"] for entry in index_of(talks / "out")]
    assert codes == [None, "broken_line", "unsupported_media", "audio_not_found"]
    assert index_of(talks / "out")[1]["error"].startswith("line 2: ")


def test_what_failed_is_tried_again_when_asked(opened, talks):
    source = manifest(talks, {"audio": "later.wav", "id": "later"})
    assert run(source, talks / "out").exit_code == 1
    write_wav(talks / "later.wav", plant(5))
    assert run(source, talks / "out").exit_code == 1
    assert run(source, talks / "out", "--retry-failed").exit_code == 0
    assert [entry["status"] for entry in index_of(talks / "out")] == ["completed"]


def test_beginning_anew(opened, talks):
    run(talks, talks / "out")
    assert run(talks, talks / "out", "--overwrite").exit_code == 0
    assert [decoder.clips for decoder in opened] == [3, 3]


def test_a_look_changes_nothing(opened, talks):
    source = manifest(talks, {"audio": "0.wav"}, "{oops")
    result = run(source, talks / "out", "--dry-run")
    assert result.exit_code == 0
    assert "2 recordings: 1 to do, 0 done, 0 failed before, 1 broken lines" in result.stderr
    assert not (talks / "out").exists()
    assert opened == []


def test_from_a_bucket_into_a_bucket(opened, talks):
    store = fsspec.filesystem("memory")
    for name in ("calls/a.wav", "calls/deep/b.wav"):
        store.pipe_file(f"/bucket/{name}", (talks / "0.wav").read_bytes())
    address = "memory://bucket/calls", "memory://bucket/out"
    assert run(*address).exit_code == 0
    names = sorted(store.find("/bucket/out"))
    assert names[0] == "/bucket/out/index.jsonl"
    assert [name.rpartition("/")[0] for name in names[1:]] == ["/bucket/out/results"] * 2
    assert "0 to do, 2 done" in run(*address).stderr
    store.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("lines", "options", "problem"),
    [
        ([{"audio": "0.wav", "id": "a"}] * 2, [], "'a' on lines 1 and 2"),
        ([{"audio": "0.wav"}], ["--language", "klingon"], "got 'klingon'"),
        ([{"audio": "0.wav"}], ["--language", "Hindi"], "not 'hi'"),
        ([{"audio": "0.wav"}], ["--beam-size", "99"], "beam_size must be 1 to 16"),
        ([{"audio": "0.wav"}], ["--precision", "nine"], "precision: Input should be"),
        ([{"audio": "0.wav"}], ["--input", "nowhere"], "no manifest and no folder"),
        ([{"audio": "0.wav"}], ["--at-once", "0"], "at-once"),
    ],
)
def test_wrong_use_is_explained_before_anything_is_done(opened, talks, lines, options, problem):
    result = run(manifest(talks, *lines), talks / "out", *options)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert not (talks / "out" / "results").exists()


@pytest.mark.parametrize("output", ["https://example.org/out", "ftp://example.org/out"])
def test_a_prefix_that_cannot_be_written_to(opened, talks, output):
    result = run(talks, output)
    assert result.exit_code == 2
    assert "cannot be written to" in result.stderr


def test_parquet_that_cannot_be_written_is_told_first(opened, talks, monkeypatch):
    monkeypatch.setattr("bulk.__main__.can_write", lambda: False)
    result = run(talks, talks / "out", "--parquet")
    assert result.exit_code == 2
    assert "sh setup.sh --extra parquet .venv" in result.stderr
    assert opened == []


def test_parquet_beside_the_index(opened, talks):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet is not installed")
    assert run(talks, talks / "out", "--parquet").exit_code == 0
    rows = parquet.read_table(talks / "out" / "index.parquet").to_pylist()
    assert rows == index_of(talks / "out")


def test_inward_addresses_are_refused_unless_allowed(opened, talks):
    source = manifest(talks, {"audio": "http://127.0.0.1:1/a.wav", "id": "a"})
    run(source, talks / "out")
    assert "must be a public one" in index_of(talks / "out")[0]["error"]
    run(source, talks / "out", "--retry-failed", "--allow-inward")
    assert "could not be fetched" in index_of(talks / "out")[0]["error"]


def test_an_interruption_says_how_to_go_on(opened, talks, monkeypatch):
    def interrupt(*_given):
        raise KeyboardInterrupt

    monkeypatch.setattr("bulk.session.Runner.run", interrupt)
    result = run(talks, talks / "out")
    assert result.exit_code == 130
    assert "run the same command again" in result.stderr
    assert opened[0].is_closed


@pytest.mark.parametrize(
    "error", [RunStopped("the engine is away"), OutputFailed("no room"), OSError("no room")]
)
def test_a_run_that_had_to_stop_is_told_from_recordings_that_failed(
    opened, talks, monkeypatch, error
):
    """So that a scheduler begins it again, and only then."""

    def stop(*_given):
        raise error

    monkeypatch.setattr("bulk.session.Runner.run", stop)
    result = run(talks, talks / "out")
    assert result.exit_code == 75
    assert "run the same command again to go on" in " ".join(result.stderr.split())


def test_model_that_cannot_be_had_gives_one_sentence(talks, monkeypatch):
    def refuse(_settings, **_more):
        raise ModelNotFound("turbo could not be downloaded")

    monkeypatch.setattr(session, "open_decoder", refuse)
    result = run(talks, talks / "out", "--quiet")
    assert result.exit_code == 2
    assert result.stderr.strip() == "turbo could not be downloaded"


def test_help_has_examples():
    shown = runner.invoke(cli, ["--help"], env={"COLUMNS": "120"}).output
    assert shown.count("longform bulk --input") == 2


def test_who_goes_on_with_other_options_is_told(opened, talks):
    source = manifest(talks, {"audio": "0.wav"}, {"audio": "1.wav"})
    run(source, talks / "out", "--language", "en")
    assert "another model" not in run(source, talks / "out", "--language", "en").stderr
    source = manifest(talks, {"audio": "0.wav"}, {"audio": "1.wav"}, {"audio": "2.wav"})
    looked = run(source, talks / "out", "--language", "de", "--dry-run")
    told = "2 of those done are of another model, other options or another version; --overwrite"
    assert told in looked.stderr
    result = run(source, talks / "out", "--language", "de")
    assert told in result.stderr
    assert "2 of them are of another model" in result.stderr
    first, second, third = index_of(talks / "out")
    assert first["options_digest"] == second["options_digest"] != third["options_digest"]
    assert {one["model"] for one in (first, second, third)} == {"planted"}
    anew = run(source, talks / "out", "--language", "de", "--overwrite")
    assert "another model" not in anew.stderr
    assert len({one["options_digest"] for one in index_of(talks / "out")}) == 1


def test_results_found_under_the_prefix_say_what_they_are_of(opened, talks):
    """The index is of the last manifest; those of earlier ones are taken up with their results."""
    both = manifest(talks, {"audio": "0.wav"}, {"audio": "1.wav"})
    run(both, talks / "out", "--language", "en")
    (talks / "out" / "index.jsonl").unlink()
    result = run(both, talks / "out", "--language", "de")
    assert "2 of them are of another model" in result.stderr
