"""The image, built by buildah on a machine that need not reach an image registry.

A stand-in for the official Python image is made of distribution packages. Builds run without
privileges beyond root's own (chroot isolation) in a store of their own, whose layers stay for the
next run. Runs nothing of the image.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "localhost/longform-base"
RELEASE = "bookworm"
PACKAGES = "ca-certificates,python-is-python3,python3-venv"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LEFT_OUT = ("doc", "locale", "man")  # as the official slim images do
SETTING = re.compile(r"(?:global|user|site|install|:env:)\.(\S+?)='(.*)'")  # `pip config list`
BASE_SECONDS = 1200
BUILD_SECONDS = 3600
BRIEF_SECONDS = 300


class BuildFailed(Exception):
    """A command ended badly; the message is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image's content, mounted at `root`, and how it is to be run."""

    root: Path
    bytes: int
    environment: dict[str, str]
    entrypoint: list[str]
    health: list[str]
    user: str


class Store:
    """Images and layers in `folder`, apart from whatever else buildah keeps on the machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("tmp", "storage", "run"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._command = [
            *("buildah", "--root", str(folder / "storage"), "--runroot", str(folder / "run")),
            *("--storage-driver", "overlay"),
        ]

    def has_base(self) -> bool:
        return bool(self._buildah("images", "--quiet", "--filter", f"reference={BASE}"))

    def make_base(self) -> None:
        """Debian's Python of the same version, in place of the official image."""
        folder = self.folder / "base"
        folder.mkdir(exist_ok=True)
        excludes = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
        command = ["mmdebstrap", "--variant=apt", f"--include={PACKAGES}", *excludes]
        command += ["--dpkgopt=force-unsafe-io", RELEASE, str(folder / "base.tar")]
        told(command, BASE_SECONDS)
        (folder / "Dockerfile").write_text(f"FROM scratch\nADD base.tar /\nENV PATH={PATH}\n")
        self._buildah("bud", "--tag", BASE, str(folder), seconds=BASE_SECONDS)
        (folder / "base.tar").unlink()

    def build(self, tag: str, torch: str, context: Path = ROOT, target: str = "runtime") -> None:
        """Build the Dockerfile in `context`. Raises `BuildFailed`."""
        mounts = registry_mounts(self.folder)
        self._buildah(
            *("bud", "--isolation", "chroot", "--layers", "--pull-never", "--format", "docker"),
            *("--build-arg", f"BASE={BASE}", "--build-arg", f"TORCH={torch}"),
            *("--target", target, "--tag", f"localhost/{tag}"),
            *(word for at, what in mounts.items() for word in ("--volume", f"{what}:{at}:ro")),
            str(context),
            seconds=BUILD_SECONDS,
        )

    @contextmanager
    def opened(self, tag: str) -> Iterator[Image]:
        """The image `tag`, mounted while this lasts."""
        container = self._buildah("from", "--pull-never", f"localhost/{tag}")
        try:
            root = Path(self._buildah("mount", container))
            told_of = json.loads(self._buildah("inspect", "--type", "image", f"localhost/{tag}"))
            yield _image(root, told_of["Docker"]["config"])
        finally:
            self._buildah("rm", container)

    def _buildah(self, *arguments: str, seconds: float = BRIEF_SECONDS) -> str:
        environment = {**os.environ, "TMPDIR": str(self.folder / "tmp")}
        return told([*self._command, *arguments], seconds, environment).strip()


def _image(root: Path, config: dict) -> Image:
    variables = dict(line.split("=", 1) for line in config["Env"])
    return Image(
        root=root,
        bytes=_bytes_of(root),
        environment=variables,
        entrypoint=config["Entrypoint"],
        health=config["Healthcheck"]["Test"][1:],  # behind the word CMD
        user=config["User"],
    )


def _bytes_of(root: Path) -> int:
    """What the files take on a disk: unpacked, as `docker images` counts."""
    return int(told(["du", "-sx", "--block-size=1", str(root)], BRIEF_SECONDS).split()[0])


def registry_mounts(folder: Path) -> dict[Path, Path]:
    """What lets pip in a container reach what pip on this machine reaches: place inside, what.

    Its settings in one file, and every file or folder of this machine that they name.
    """
    asked = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(asked, capture_output=True, text=True).stdout.splitlines()
    found = [SETTING.fullmatch(line) for line in lines]
    settings = {match[1]: match[2] for match in found if match}
    file = folder / "pip.conf"
    entries = (f"{key} = {value}\n" for key, value in settings.items())
    file.write_text("[global]\n" + "".join(entries))
    paths = {
        Path(word.removeprefix("file://"))
        for value in settings.values()
        for word in value.split()
        if word.startswith(("/", "file:///"))
    }
    mounts = {Path("/etc/pip.conf"): file}
    for path in sorted(paths):
        # pip's folder of packages may be two levels up from the index that lists them
        place = path.parent if path.name == "simple" else path
        if place.exists():
            mounts[place] = place
    return mounts


def told(command: list[str], seconds: float, environment: dict[str, str] | None = None) -> str:
    """Standard output of `command`. Raises `BuildFailed`."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(f"{command[0]} took more than {seconds:.0f} s") from error
    if done.returncode:
        said = done.stdout[-2000:] + done.stderr[-2000:]  # what a build's steps print is in both
        raise BuildFailed(f"{command[0]} ended with {done.returncode}: {said}")
    return done.stdout
