from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.datasets.registry import (
    DATASETS,
    dataset_named,
    folder_of,
    how_to_get,
    load,
)
from benchmarks.datasets.types import DatasetMissing, Fetching, LoadOptions
from benchmarks.formats.types import FormatError


@pytest.mark.parametrize("name", DATASETS)
def test_every_card_says_what_it_is(name: str) -> None:
    card = DATASETS[name]
    assert card.licence
    assert card.layout
    assert card.title in how_to_get(card) or card.name in how_to_get(card)
    if isinstance(card.fetching, Fetching):
        targets = [d.target for d in card.fetching.files]
        assert len(set(targets)) == len(targets)
        assert card.fetching.files or card.fetching.indices


@pytest.mark.parametrize("name", [n for n in DATASETS if n not in {"demo", "manifest"}])
def test_missing_set_is_one_clear_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match="is not at"):
        load(name, tmp_path / "absent", LoadOptions())
    with pytest.raises(DatasetMissing) as caught:
        load(name, tmp_path, LoadOptions())
    assert how_to_get(DATASETS[name]) in str(caught.value)


def test_shipped_set_loads() -> None:
    items = load("demo", folder_of("demo", None, Path("unused")), LoadOptions())
    assert items[0].reference
    assert len(items[0].words) == len(items[0].reference.split())


def test_listings_become_downloads() -> None:
    for name, listing, target in (
        ("earnings21", "file_id,audio_length\n4320211,1\n", "earnings21/media/4320211.mp3"),
        ("earnings22", "File ID,Ticker\n44,X\n", "earnings22/media/44.mp3"),
        (
            "coraal",
            "http://x/a/DCB_audio.tar.gz\n\nhttp://x/a/notes.pdf\n",
            "coraal/DCB_audio.tar.gz",
        ),
    ):
        fetching = dataset_named(name).fetching
        assert isinstance(fetching, Fetching)
        downloads = fetching.indices[0].expand(listing)
        assert downloads[0].target == target
        assert all(d.url.startswith("http") for d in downloads)


def test_unknown_set() -> None:
    with pytest.raises(ValueError, match="earnings21"):
        dataset_named("earnings")


def test_set_that_is_laid_out_otherwise(tmp_path: Path) -> None:
    (tmp_path / "GigaSpeech.json").write_text('{"recordings": []}')
    with pytest.raises(DatasetMissing, match="laid out"):
        load("gigaspeech", tmp_path, LoadOptions())


@pytest.mark.parametrize(("name", "value"), [("clips", -1), ("gap", -0.5)])
def test_options_are_checked(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        LoadOptions(**{name: value})


@pytest.mark.parametrize(
    ("name", "options", "flag"),
    [
        ("demo", LoadOptions(subset="eval10"), "--subset"),
        ("tedlium", LoadOptions(clips=5), "--clips"),
        ("rev16", LoadOptions(split="dev"), "--split"),
        ("ami", LoadOptions(use_norm=True), "--norm"),
        ("manifest", LoadOptions(seed=1), "--shuffle"),
        ("folder", LoadOptions(trim_silence=True), "--trim-silence"),
        ("earnings22", LoadOptions(language="de"), "--language"),
    ],
)
def test_an_option_that_a_set_would_ignore_is_refused(
    name: str, options: LoadOptions, flag: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"{flag} means nothing to"):
        load(name, tmp_path, options)


def test_the_language_that_a_set_has_may_be_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing):
        load("tedlium", tmp_path / "absent", LoadOptions(language="en"))


def test_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    rows = [{"id": "same", "audio": f"{n}.wav", "text": "a"} for n in range(2)]
    manifest = tmp_path / "list.jsonl"
    manifest.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(FormatError, match="2 recordings are called 'same'"):
        load("manifest", manifest, LoadOptions())


def leave_half(name: str, root: Path) -> None:
    """What an interrupted download or an unfinished `git lfs pull` leaves of a set."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    files = {
        "tedlium": {"test/A.stm": "A 1 A 0 2 hello\n", "test/A.sph.part": "x"},
        "earnings21": {"earnings21/transcripts/nlp_references/1.nlp": pointer},
        "earnings22": {
            "earnings22/transcripts/nlp_references/1.nlp": "token|ts\nhello|\n",
            "earnings22/media/1.mp3.part": "x",
        },
        "rev16": {"rev16/verbatim_transcripts/nlp_references/3.nlp": "token|ts\nhello|\n"},
        "meanwhile": {
            "meanwhile.json": '{"a": {"begin": "0:00", "end": "0:01", "text": "A"}}',
            "a.wav": "not sound",
        },
        "kincaid46": {"manifest_wav.tsv": "name\tlength\na\t1\n"},
        "coraal": {"ATL_se0_ag1_f_01_1.txt": "Line\tSpkr\tStTime\tContent\tEnTime\n1\tA\t0.5\n"},
        "librispeech": {"LibriSpeech/test-clean/1/2/1-2.trans.txt": "1-2-0000 HELLO\n"},
        "ami": {"words/EN2002a.A.words.xml": "<root><w>", "EN2002a.Mix-Headset.wav": ""},
        "common-voice": {"cv-corpus-11/hi/test.tsv": "client_id\tpath\tsentence\n"},
        "fleurs": {"hi_in/test.tsv": "1\tone.wav\ta\ta\ta\t16000\tMALE\n"},
        "gigaspeech": {"GigaSpeech.json": '{"audios": [{"aid": "POD1", "subse'},
        "voxpopuli": {"annotations/asr/asr_en.tsv.gz": ""},
    }[name]
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    if name == "voxpopuli":
        whole = gzip.compress(b"session_id|split|start_time|end_time|normed_text\n" * 99)
        (root / "annotations/asr/asr_en.tsv.gz").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    "name", [n for n in DATASETS if n not in {"demo", "folder", "manifest", "earnings21-eval10"}]
)
def test_half_a_set_is_one_clear_sentence(name: str, tmp_path: Path) -> None:
    leave_half(name, tmp_path)
    with pytest.raises((DatasetMissing, FormatError)) as caught:
        load(name, tmp_path, LoadOptions())
    said = str(caught.value)
    assert len(said) > 40
    assert "\n" not in said
