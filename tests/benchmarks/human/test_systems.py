from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.human.systems import Weights, choose_systems, find_weights, move_windows
from benchmarks.peers.types import PeerSpec


def test_an_official_name_is_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "model.bin").touch()  # a folder that happens to have the name
    assert find_weights("base") == Weights("base", "base", "base")


@pytest.mark.parametrize("folder", ["small", "small-ct2"])
def test_what_lies_beside_is_found(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "model.bin").touch()
    checkpoint, converted = tmp_path / "small.pt", tmp_path / folder
    checkpoint.touch()
    wanted = (str(checkpoint), str(converted))
    found = find_weights(str(checkpoint))
    assert (found.openai, found.ctranslate2) == wanted
    found = find_weights(str(converted))
    assert (found.openai, found.ctranslate2) == wanted


def test_what_is_nowhere_is_converted_from_the_model_itself(tmp_path: Path) -> None:
    checkpoint = tmp_path / "own.pt"
    checkpoint.touch()
    assert find_weights(str(checkpoint)) == Weights(*[str(checkpoint)] * 3)
    assert find_weights(str(checkpoint), "a.pt", "b").of("faster-whisper") == "b"


def test_ours_come_first_and_each_has_its_weights() -> None:
    weights = Weights("a", "b", "c")
    systems = choose_systems(["openai-whisper", "faster-whisper", "ours"], PeerSpec(), weights)
    assert [(s.kind, s.model) for s in systems] == [
        ("ours", "a"),
        ("ours-sequential", "a"),
        ("openai-whisper", "b"),
        ("faster-whisper", "c"),
    ]
    with pytest.raises(ValueError, match="no recogniser"):
        choose_systems(["nonsense"], PeerSpec(), weights)


def test_windows_that_are_ours_can_be_moved() -> None:
    systems = choose_systems(["faster-whisper"], PeerSpec(), Weights("a", "b", "c"))
    moved = move_windows(systems, [4.0, 8.0, 4.0])
    assert [(spec.kind, spec.phase) for spec in moved] == [
        ("ours", 4.0),
        ("ours-sequential", 4.0),
        ("ours", 8.0),
        ("ours-sequential", 8.0),
    ]
