"""Cases of the same kinds as fstalign's, with counts worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.alignment import Reference
from benchmarks.markup import SynonymRules
from benchmarks.reproduction.rev import eval10, fstalign, read_reference, score_rev

RULES = SynonymRules.parse("we will | we'll\nwe'll | we will\nthem- | he")
NLP = (
    "token|speaker|ts|endTs|punctuation|case|tags\n"
    "It|1||||UC|[]\ncosts|1||||LC|[]\n$10|1||||LC|['0:MONEY']\n<laugh>|1||||LC|[]\n"
)
NORM = '{"0": {"candidates": [{"verbalization": ["ten", "dollars"]}, {"verbalization": []}]}}'


@pytest.mark.parametrize(
    ("said", "heard", "errors", "words"),
    [
        ("we will", "we'll", 0, 1),
        ("we'll see", "we will see", 0, 3),
        ("she- will", "she will", 0, 2),  # a word cut off may be the word
        ("them- will", "he will", 0, 2),  # unless a rule says otherwise
        ("them- will", "them will", 1, 2),
        ("next-level thing", "next level thing", 0, 3),
        ("long term view", "long-term view", 0, 2),
        ("a <tag> b", "a <tag> b", 0, 3),
    ],
)
def test_conventions(said: str, heard: str, errors: int, words: int) -> None:
    counts = score_rev(Reference(tuple(said.split())), tuple(heard.split()), RULES)
    assert (counts.errors, counts.reference_length) == (errors, words)


@pytest.mark.parametrize(
    ("heard", "errors"), [("it costs ten dollars", 1), ("it costs $10 <tag>", 0), ("it costs", 1)]
)
def test_readings(tmp_path: Path, heard: str, errors: int) -> None:
    (tmp_path / "a.nlp").write_text(NLP)
    (tmp_path / "a.norm.json").write_text(NORM)
    reference = read_reference(tmp_path / "a.nlp", tmp_path / "a.norm.json")
    assert score_rev(reference, tuple(heard.split())).errors == errors


def test_expectations_table(tmp_path: Path) -> None:
    (tmp_path / "x.ref.nlp").write_text(NLP)
    (tmp_path / "x.norm.json").write_text(NORM)
    (tmp_path / "x.hyp.ctm").write_text("r 1 0 1 it\nr 1 1 1 costs\nr 1 2 1 <unk>\n")
    (tmp_path / "y.ref.txt").write_text("we will")
    (tmp_path / "y.hyp.txt").write_text("we'll")
    (tmp_path / "y.synonym.rules.txt").write_text("we will | we'll")
    (tmp_path / "expected.tsv").write_text(
        "section\tref\thyp\tcall\tchecks\n"
        "x\tx.ref.nlp\tx.hyp.ctm\twer +norm\tWER: 0/3 = 0.0 | WER: INS:0 DEL:0 SUB:0\n"
        "y\ty.ref.txt\ty.hyp.txt\twer +synonyms\tWER: 0/1 = 0.0\n"
        "y\ty.ref.txt\ty.hyp.txt\twer +synonyms\tWER: 1/2 = 0.5\n"
        "y (with cutoffs disabled)\ty.ref.txt\ty.hyp.txt\twer\tWER: 9/9 = 1\n"
        "gone\tz.ref.txt\tz.hyp.txt\twer\tWER: 9/9 = 1\n"
        "other\ty.ref.txt\ty.hyp.txt\twer\tSpeaker switch WER: 1/6\n"
    )
    found = fstalign(tmp_path)
    assert [(c.case, c.published, c.ours, c.is_close) for c in found] == [
        ("x", "0/3", "0/3", True),
        ("y", "0/1 or 1/2", "0/1", True),
    ]


def test_eval10(tmp_path: Path) -> None:
    for system, text in (("google", "it costs ten dollars"), ("microsoft", "it cost")):
        (tmp_path / "output" / system).mkdir(parents=True)
        rows = "\n".join(f"{word}|1" for word in text.split())
        (tmp_path / "output" / system / "7.nlp").write_text(f"token|speaker\n{rows}\n")
    assert all("not in the folder" in case.remark for case in eval10(tmp_path))
    for folder, name, text in (
        ("nlp_references", "7.nlp", NLP),
        ("normalizations", "7.norm.json", NORM),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    google, microsoft = eval10(tmp_path)
    assert google.ours == "20.00 (5 words)"
    assert microsoft.ours.startswith("66.67")
    assert not google.is_close
    # the whole repository has outputs of other calls, too
    (tmp_path / "output/google/8.nlp").write_text("token|speaker\nother|1\n")
    assert "references of 8" in eval10(tmp_path)[0].remark
    (tmp_path / "eval10-file-metadata.csv").write_text("file_id,audio_length\n7,1.0\n")
    assert eval10(tmp_path)[0].ours == "20.00 (5 words)"
