import errno
import os
from pathlib import Path

import pytest

from transcription.whole_files import check_writable, write_whole

LONGEST = 255  # bytes of a name, on every file system of Linux that matters


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_nothing_else_is_there_afterwards(tmp_path):
    write_whole(tmp_path / "a" / "b.txt", ["te", "xt"])
    assert names_in(tmp_path / "a") == ["b.txt"]
    assert (tmp_path / "a" / "b.txt").read_text() == "text"


def test_the_longest_name_that_the_folder_takes(tmp_path):
    path = tmp_path / f"{'ü' * 125}x.txt"
    assert len(os.fsencode(path.name)) == LONGEST
    check_writable(path)
    write_whole(path, ["text"])
    assert path.read_text() == "text"


@pytest.mark.parametrize("when", ["while it is written", "when it is to last"])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, when):
    (path := tmp_path / "b.txt").write_text("before")
    if when == "when it is to last":
        monkeypatch.setattr(os, "fsync", no_room)
    parts = map(no_room, ["text"]) if when == "while it is written" else ["text"]
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, parts)
    assert names_in(tmp_path) == ["b.txt"]
    assert path.read_text() == "before"


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda number: seen.append((tmp_path / "b.txt").exists()))
    write_whole(tmp_path / "b.txt", ["text"])
    assert seen == [False]


def test_it_may_be_read_by_whom_the_umask_allows(tmp_path):
    write_whole(tmp_path / "b.txt", ["text"])
    (tmp_path / "c.txt").write_text("text")
    assert (tmp_path / "b.txt").stat().st_mode == (tmp_path / "c.txt").stat().st_mode


def test_a_file_that_can_be_written_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "a" / "b.txt")
    assert names_in(tmp_path / "a") == []
    (path := tmp_path / "a" / "b.txt").write_text("before")
    check_writable(path)
    assert path.read_text() == "before"


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(OSError, match="too long"):
        check_writable(tmp_path / f"{'x' * (LONGEST - 4)}.json")
    assert names_in(tmp_path) == []


def test_a_folder_in_its_place_or_a_file_above_it_is_refused(tmp_path):
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_writable(tmp_path / "b.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        check_writable(tmp_path / "file" / "b.txt")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_folder_that_takes_no_files_is_refused():
    """By root too, for whom no permission lacks."""
    with pytest.raises(OSError, match="/proc"):
        check_writable(Path("/proc/self/b.txt"))
