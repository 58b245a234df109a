import os
import tempfile
from pathlib import Path

import pytest

from bulk.workspace import WorkspaceInUse, workspace_for, workspace_of_process


@pytest.fixture(autouse=True)
def _temporary(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_what_a_killed_run_left_is_removed():
    with workspace_for("out") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "sound").write_text("x")
        (folder / "manifest").write_text("x")
        left = [folder / "deep", folder / "manifest"]
    for path in left:
        assert not path.exists()
    (folder / "killed").mkdir()
    with workspace_for("out") as again:
        assert again == folder
        assert [path.name for path in again.iterdir()] == ["lock"]


def test_one_run_for_a_prefix():
    with workspace_for("out"):
        with pytest.raises(WorkspaceInUse, match="another run"), workspace_for("out"):
            pass
        with workspace_for("elsewhere"):
            pass


def test_a_folder_of_somebody_else_is_not_taken(tmp_path):
    with workspace_for("out") as folder:
        pass
    folder.chmod(0o755)
    with pytest.raises(WorkspaceInUse, match="not a folder of ours"), workspace_for("out"):
        pass
    (folder / "lock").unlink()
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(WorkspaceInUse, match="not a folder of ours"), workspace_for("out"):
        pass
    assert Path(tmp_path).exists()


def test_each_process_has_a_folder_and_those_of_killed_ones_are_removed():
    own = workspace_of_process()
    assert own.name == str(os.getpid())
    (own / "sound").write_text("x")
    killed = own.parent / "999999999"
    (killed / "deep").mkdir(parents=True)
    assert workspace_of_process() == own
    assert (own / "sound").exists()
    assert not killed.exists()


def test_processes_take_no_folder_of_somebody_else(tmp_path):
    parent = workspace_of_process().parent
    parent.chmod(0o755)
    with pytest.raises(WorkspaceInUse, match="not a folder of ours"):
        workspace_of_process()
    (parent / str(os.getpid())).rmdir()
    parent.rmdir()
    parent.symlink_to(tmp_path)
    with pytest.raises(WorkspaceInUse, match="not a folder of ours"):
        workspace_of_process()
