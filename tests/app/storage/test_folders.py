"""Folders of jobs that pass from one service to another."""

from __future__ import annotations

from pathlib import Path

from app.storage.folders import JobFolder
from transcription.audio_cache import NOTE


def ingested(folder: JobFolder, *, is_whole: bool) -> Path:
    """A workspace with samples, noted where they are whole."""
    folder.workspace.mkdir(parents=True)
    (folder.workspace / "mix.pcm").write_bytes(b"samples")
    if is_whole:
        (folder.workspace / NOTE).touch()
    return folder.workspace


def test_whole_samples_of_an_earlier_generation_are_taken_up(tmp_path: Path):
    first, second = JobFolder(tmp_path), JobFolder(tmp_path, 2)
    before = ingested(first, is_whole=True)
    workspace = second.workspace_to_start_in()
    assert (workspace / "mix.pcm").read_bytes() == b"samples"
    assert not before.exists()


def test_half_of_the_samples_is_none_and_late_writers_write_elsewhere(tmp_path: Path):
    first, second = JobFolder(tmp_path), JobFolder(tmp_path, 10)
    with (ingested(first, is_whole=False) / "mix.pcm").open("ab") as late:
        workspace = second.workspace_to_start_in()
        assert list(workspace.iterdir()) == []
        late.write(b"more")
    ingested(first, is_whole=True)  # it goes on by the names that it knows
    assert list(workspace.iterdir()) == []
    assert first.part != second.part
    second.drop_work()
    assert list(tmp_path.iterdir()) == []


def test_the_newest_whole_samples_count(tmp_path: Path):
    for generation in (9, 10, 11):
        folder = JobFolder(tmp_path, generation)
        ingested(folder, is_whole=generation < 11)
        (folder.workspace / "mix.pcm").write_text(str(generation))
    workspace = JobFolder(tmp_path, 12).workspace_to_start_in()
    assert (workspace / "mix.pcm").read_text() == "10"
