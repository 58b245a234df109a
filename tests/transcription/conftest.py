"""A package registry of the test's own, in a folder: no test asks the network."""

from pathlib import Path

import pytest


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which pip finds packages, and nothing else; OpenAI cannot be reached."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def refuse(url: str, root: str, in_memory: bool) -> str:
        raise OSError("no network in tests")

    monkeypatch.setattr("whisper._download", refuse)
    return folder
