from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.cli import prove
from benchmarks.cli.application import application
from benchmarks.cli.output import command_line
from benchmarks.datasets.registry import DATASETS
from benchmarks.peers.registry import ABSENT, versions_of
from benchmarks.reproduce import reproduce

runner = CliRunner()


def invoke(*arguments: object, status: int = 0) -> str:
    result = runner.invoke(application, [str(a) for a in arguments], env={"COLUMNS": "200"})
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "score",
        "compare",
        "average",
        "datasets",
        "seams",
        "silence",
        "merge",
        "speed",
        "human",
        "prove",
        "datasets get",
    ],
)
def test_help_says_what_a_command_does(command: str) -> None:
    assert len(invoke(*command.split(), "--help")) > 200


def test_commands_that_measure_write_json() -> None:
    for command in (
        "run",
        "score",
        "compare",
        "average",
        "seams",
        "silence",
        "human",
        "merge",
        "prove",
        "datasets",
    ):
        assert "--json" in invoke(command, "--help")


def run_folder(tmp_path: Path, make_sound, server: str, *names: str, status: int = 0) -> str:
    for name in names:
        make_sound(tmp_path / "calls" / f"{name}.wav").with_suffix(".txt").write_text("hello world")
    return invoke(
        *("run", "-d", "folder", "--root", tmp_path / "calls", "--no-ours", "-p", server),
        *("-m", "any", "-o", tmp_path / "run", "--json", tmp_path / "out.json"),
        status=status,
    )


def test_run_score_compare(tmp_path: Path, make_sound, speech_server: str) -> None:
    text = run_folder(tmp_path, make_sound, speech_server, "one", "two")
    assert "50.00 %" in text  # "there" was not said
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["scores"][0]["insertions"] == 2
    again = run_folder(tmp_path, make_sound, speech_server)
    assert "2 of 2 recordings were measured before" in again
    path = tmp_path / "run" / "report.json"
    assert "normaliser none" in invoke("score", path, "-n", "none", "-o", tmp_path / "new")
    assert (tmp_path / "new" / "report.html").is_file()
    assert "0.500" in invoke("compare", path, path, "--json", tmp_path / "c.json")
    (compared,) = json.loads((tmp_path / "c.json").read_text())
    assert compared["recordings"] == 2
    assert compared["first"] == f"{speech_server} in {path}"
    assert "one system only" in invoke("compare", path, status=2)


def test_average_is_over_sets_however_large(tmp_path, make_sound, speech_server) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    run_folder(tmp_path / "a", make_sound, speech_server, "one", "two")
    run_folder(tmp_path / "b", make_sound, speech_server, "three")
    reports = [tmp_path / name / "run" / "report.json" for name in "ab"]
    elsewhere = tmp_path / "b" / "other" / "report.json"
    changed = json.loads(reports[1].read_text())
    changed["systems"][0]["files"][0]["item"]["reference"] = "hello there world"
    elsewhere.parent.mkdir()
    elsewhere.write_text(json.dumps(changed))
    text = invoke("average", reports[0], elsewhere, "--json", tmp_path / "o.json")
    assert "25.00 %" in text  # (2/4 + 0/3) / 2, not 2/7
    (figures,) = json.loads((tmp_path / "o.json").read_text())
    assert [s["set"] for s in figures["sets"]] == ["run", "other"]
    assert [s["wer"] for s in figures["sets"]] == [0.5, 0.0]
    assert "given twice" in invoke("average", reports[0], reports[0], status=2)


def test_average_says_what_is_missing_and_mixed(tmp_path, make_sound, speech_server) -> None:
    run_folder(tmp_path, make_sound, speech_server, "one")
    path = tmp_path / "run" / "report.json"
    changed = json.loads(path.read_text())
    changed["dataset"], changed["normalizers"] = "another", ["none"]
    changed["systems"][0]["name"] = "somebody else"
    other = tmp_path / "another.json"
    other.write_text(json.dumps(changed))
    text = invoke("average", path, other, "--json", tmp_path / "o.json")
    assert "different normalisers" in text
    assert [row["wer"] for row in json.loads((tmp_path / "o.json").read_text())] == [None, None]


def test_failed_recording_ends_with_status_one(tmp_path, make_sound, speech_server) -> None:
    text = run_folder(tmp_path, make_sound, speech_server, "broken", "one", status=1)
    assert "broken failed" in text


def test_score_of_two_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("मेरी किताब मेज पर")
    (tmp_path / "b.txt").write_text("मेरा कीताब मेजे पर")
    text = invoke(
        "score",
        tmp_path / "a.txt",
        tmp_path / "b.txt",
        "--language",
        "hi",
        "--json",
        tmp_path / "o.json",
    )
    assert "Warning: openai-basic removes vowel signs" in text
    kept, stripped = json.loads((tmp_path / "o.json").read_text())
    assert (kept["normalizer"], kept["wer"]) == ("multilingual", 0.75)
    assert stripped["wer"] == 0.0


def test_score_of_transcript_files(tmp_path: Path) -> None:
    (tmp_path / "a.trn").write_text("it { costs / cost } ten (u1)\n")
    (tmp_path / "b.trn").write_text("it cost ten (u1)\n")
    pair = (tmp_path / "a.trn", tmp_path / "b.trn")
    assert "0.00 %" in invoke("score", *pair, "-n", "none", "--choices")
    (tmp_path / "rules").write_text("ten | 10")
    (tmp_path / "a.tsv").write_text("u1\tten\nu2\tx\n")
    (tmp_path / "b.tsv").write_text("u1\t10\nu2\tx\n")
    tables = (tmp_path / "a.tsv", tmp_path / "b.tsv")
    rules = ("--synonyms", tmp_path / "rules")
    assert "0.00 %" in invoke("score", *tables, "-n", "none", *rules)
    (tmp_path / "b.tsv").write_text("u1\t10\n")
    assert "u2" in invoke("score", *tables, status=2)
    assert "cannot be read" in invoke("score", tmp_path / "a.tsv", tmp_path / "no.tsv", status=2)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.stm", "call 1 A 0 2 <o> it costs\ncall 1 B 2 3 <o> ten\n"),
        ("b.ctm", "call 1 0 1 it\ncall 1 1 1 costs\ncall 1 2 1 ten\n"),
        ("b.srt", "1\n00:00:00,000 --> 00:00:02,000\nit costs\nten\n"),
        ("b.vtt", "WEBVTT\n\n00:00.000 --> 00:02.000\nit costs ten\n"),
        ("b.nlp", "token|ts\nit|\ncosts|\nten|\n"),
    ],
)
def test_score_reads_what_systems_write(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "a.txt").write_text("it costs ten now")
    (tmp_path / name).write_text(content)
    invoke("score", tmp_path / "a.txt", tmp_path / name, "-n", "none", "--json", tmp_path / "o")
    (found,) = json.loads((tmp_path / "o").read_text())
    assert (found["hits"], found["deletions"], found["insertions"]) == (3, 1, 0)


def test_score_pairs_recordings_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.stm").write_text("x 1 A 0 2 <o> one two\ny 1 A 0 2 <o> three\n")
    (tmp_path / "b.ctm").write_text("y 1 0 1 three\nx 1 0 1 one\n")
    pair = (tmp_path / "a.stm", tmp_path / "b.ctm")
    assert "33.33 %" in invoke("score", *pair, "-n", "none")
    (tmp_path / "b.ctm").write_text("y 1 zero 1 three\n")
    assert "b.ctm: line 1" in invoke("score", *pair, status=2)


def test_damaged_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"format": "whisper-longform-benchmark-1", "systems": []}')
    assert "damaged report" in invoke("score", path, status=2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "-d", "nonsense"], "no data set is called"),
        (["run", "-p", "nonsense"], "no recogniser is called"),
        (["run", "-n", "nonsense"], "no normaliser is called"),
        (["run", "-d", "ami", "--data", "absent"], "datasets get ami"),
        (["run", "-d", "common-voice", "--data", "absent"], "Mozilla asks everyone"),
        (["datasets", "get", "common-voice"], "Mozilla asks everyone"),
        (["datasets", "show", "nonsense"], "no data set is called"),
        (["score", "absent.json"], "cannot be read"),
    ],
)
def test_mistakes_end_in_one_sentence(arguments: list[str], sentence: str) -> None:
    text = invoke(*arguments, status=2)
    assert sentence in text
    assert "Traceback" not in text


def test_datasets(tmp_path: Path) -> None:
    (tmp_path / "tedlium").mkdir()
    text = invoke("datasets", "--data", tmp_path, "--json", tmp_path / "d.json")
    cards = {card["name"]: card for card in json.loads((tmp_path / "d.json").read_text())}
    assert cards.keys() == DATASETS.keys()
    assert cards["demo"]["presence"].startswith("yes")
    assert cards["ami"]["presence"] == "no"
    assert cards["tedlium"]["presence"].startswith("incomplete")
    assert "CC BY 4.0" in text
    assert "openslr.org/51" in invoke("datasets", "show", "tedlium", "--data", tmp_path)


def test_seams_need_word_times(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "a.wav").with_suffix(".txt").write_text("hello")
    assert "word times" in invoke("seams", "-d", "folder", "--root", tmp_path, status=2)


def test_prove_needs_a_gpu() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert "needs a CUDA device" in invoke("prove", status=2)


def test_prove_needs_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "PEERS", ("openai-whisper", "whisperx"))
    if versions_of("whisperx")["whisperx"] != ABSENT:
        pytest.skip("whisperx is installed")
    assert "pip install whisperx" in invoke("prove", "--device", "cpu", status=2)


def test_a_key_is_not_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "run", "--api-key", "sk-1", "--api-key=sk-2"])
    assert command_line() == "python -m benchmarks run --api-key HIDDEN --api-key=HIDDEN"


def test_reproduce(tmp_path: Path) -> None:
    import typer

    command = typer.Typer()
    command.command()(reproduce)
    assert "no published texts" in runner.invoke(command, [str(tmp_path)]).output
    (tmp_path / "csrnab.ref").write_text("A (u1)\n")
    (tmp_path / "csrnab.hyp").write_text("A (u1)\n")
    result = runner.invoke(command, [str(tmp_path), "--json", str(tmp_path / "o.json")])
    assert result.exit_code == 1
    assert json.loads((tmp_path / "o.json").read_text())[0]["is_close"] is False


def test_score_takes_the_rules_of_the_references_language(tmp_path: Path) -> None:
    said = "es geht um den Hund und um die Katze und um das Haus"
    (tmp_path / "a.txt").write_text(said)
    (tmp_path / "b.txt").write_text(said.replace("um ", ""))
    pair = (tmp_path / "a.txt", tmp_path / "b.txt", "--json", tmp_path / "o.json")
    assert "the reference looks like de" in invoke("score", *pair)
    figures = json.loads((tmp_path / "o.json").read_text())
    assert [row["normalizer"] for row in figures] == ["multilingual", "openai-basic"]
    assert figures[0]["deletions"] == 3
    assert "made for English" in invoke("score", *pair, "-n", "openai-english")
    told = invoke("score", *pair, "--language", "en")
    assert "looks like" not in told
