from __future__ import annotations

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
