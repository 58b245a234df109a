"""Folders that several services share, and those of jobs that pass from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from app.storage.folders import MARK, FolderInUse, Folders, FolderUnusable, JobFolder
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


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_who_shares_nothing_and_who_shares_keep_each_other_out(
    tmp_path: Path, order: Sequence[bool]
):
    first, second = order
    beside = pytest.raises(FolderInUse, match="LONGFORM_SHARED_QUEUE")
    with closing(Folders(tmp_path, is_shared=first)), beside:
        Folders(tmp_path, is_shared=second)
    Folders(tmp_path, is_shared=second).close()


def test_the_mark_of_a_folder_is_made_once_by_whoever_is_first(tmp_path: Path):
    sharing = [Folders(tmp_path, is_shared=True) for _ in range(8)]
    with ThreadPoolExecutor(len(sharing)) as threads:
        marks = set(threads.map(Folders.mark, sharing))
    assert len(marks) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "jobs", "lock", MARK]
    for one in sharing:
        one.check_mark(marks.copy().pop())
        one.close()


def test_another_folder_than_agreed_on_is_told_in_a_sentence(tmp_path: Path):
    with closing(Folders(tmp_path, is_shared=True)) as folders:
        told = f"than {tmp_path}: mount theirs there.*agreed, into {tmp_path / MARK}: jobs"
        with pytest.raises(FolderUnusable, match=told):
            folders.check_mark("agreed")
        (tmp_path / MARK).write_text("agreed\n")  # as the sentence says
        folders.check_mark("agreed")
