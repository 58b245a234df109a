from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.datasets.rev import load_earnings21, load_earnings22, load_rev16
from benchmarks.datasets.types import DatasetMissing, LoadOptions
from benchmarks.formats.types import TimedWord
from benchmarks.sound import SoundMissing, check_presence

NLP = "token|speaker|ts|endTs|punctuation|case|tags\nIt|1|||,|UC|[]\n$10|1||||CA|['0:MONEY']\n"
ALIGNED = (
    "token|speaker|ts|endTs|punctuation|prepunctuation|case|tags|oldTs|oldEndTs|ali_comment\n"
    "It|1|0.5|0.7|||UC|[]|||\n$10|1|0.7|1.0|||CA|[]|||\n"
)
NORM = '{"0": {"candidates": [{"verbalization": ["ten", "dollars"]}], "class": "MONEY"}}'


@pytest.fixture
def earnings21(tmp_path: Path, make_sound) -> Path:
    base = tmp_path / "earnings21"
    for folder in ("nlp_references", "normalizations"):
        (base / "transcripts" / folder).mkdir(parents=True)
    for name in ("1", "2"):
        (base / "transcripts" / "nlp_references" / f"{name}.nlp").write_text(NLP)
        (base / "transcripts" / "normalizations" / f"{name}.norm.json").write_text(NORM)
        make_sound(base / "media" / f"{name}.mp3")
    (base / "eval10-file-metadata.csv").write_text("file_id,audio_length\n2,9.5\n")
    return tmp_path


def test_earnings21(earnings21: Path) -> None:
    items = load_earnings21(earnings21, LoadOptions())
    assert [item.name for item in items] == ["1", "2"]
    assert items[0].reference == "It $10"
    assert not items[0].has_choices
    assert load_earnings21(earnings21 / "earnings21", LoadOptions()) == items


def test_eval10(earnings21: Path) -> None:
    assert [i.name for i in load_earnings21(earnings21, LoadOptions(subset="eval10"))] == ["2"]
    (earnings21 / "earnings21/transcripts/nlp_references/2.nlp").unlink()
    with pytest.raises(DatasetMissing, match="2"):
        load_earnings21(earnings21, LoadOptions(subset="eval10"))


def test_norm_readings(earnings21: Path) -> None:
    item = load_earnings21(earnings21, LoadOptions(use_norm=True))[0]
    assert item.reference == "It { $10 / ten dollars }"
    assert item.has_choices
    (earnings21 / "earnings21/transcripts/normalizations/1.norm.json").unlink()
    with pytest.raises(DatasetMissing, match="norm"):
        load_earnings21(earnings21, LoadOptions(use_norm=True))


def test_earnings22_with_word_times_and_lfs_pointer(tmp_path: Path) -> None:
    base = tmp_path / "earnings22"
    transcripts = base / "transcripts"
    for folder, name, text in (
        ("nlp_references", "7.nlp", NLP),
        ("force_aligned_nlp_references", "7.aligned.nlp", ALIGNED),
    ):
        (transcripts / folder).mkdir(parents=True)
        (transcripts / folder / name).write_text(text)
    (base / "media").mkdir()
    (base / "media/7.mp3").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (item,) = load_earnings22(tmp_path, LoadOptions())
    assert item.words == (TimedWord("It", 0.5, 0.7), TimedWord("$10", 0.7, 1.0))
    with pytest.raises(SoundMissing, match="git lfs pull"):
        check_presence(item)


def test_subset10(tmp_path: Path, make_sound) -> None:
    base = tmp_path / "earnings22"
    verbatim = base / "subset10" / "verbatim_transcripts" / "nlp_references"
    verbatim.mkdir(parents=True)
    (verbatim / "9.nlp").write_text(NLP)
    make_sound(base / "media" / "9.mp3")
    assert [i.name for i in load_earnings22(base, LoadOptions(subset="subset10"))] == ["9"]


def test_rev16(tmp_path: Path, make_sound) -> None:
    folder = tmp_path / "rev16" / "verbatim_transcripts" / "nlp_references"
    folder.mkdir(parents=True)
    for name in ("3", "5"):
        (folder / f"{name}.nlp").write_text(NLP)
        make_sound(tmp_path / "rev16" / "media" / f"{name}.mp3")
    assert len(load_rev16(tmp_path, LoadOptions(subset="all"))) == 2
    with pytest.raises(DatasetMissing, match="11"):
        load_rev16(tmp_path, LoadOptions())


@pytest.mark.parametrize("load", [load_earnings21, load_earnings22, load_rev16])
def test_unknown_subset(load, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        load(tmp_path, LoadOptions(subset="nonsense"))


def test_no_sound(earnings21: Path) -> None:
    (earnings21 / "earnings21/media/1.mp3").unlink()
    with pytest.raises(DatasetMissing, match="sound of 1"):
        load_earnings21(earnings21, LoadOptions())
