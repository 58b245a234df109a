"""The lock files: every package of the image, with the hashes that the registry lists of its files.

uv resolves once within constraints.txt; the answer is divided by how a package is installed.
Installs nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / "locks"
CPU_LOCK = "torch-cpu.txt"
OLDEST_PYTHON = "3.11"
# What only builds or looks; it is never in the same environment as the service.
TOOLS = ("cyclonedx-bom", "pip", "pip-audit", "setuptools", "uv")
ALWAYS = ("pip",)  # the service fetches packages that hold weights with it
SOURCE_ALONE = frozenset({"openai-whisper"})  # published without a wheel
GPU = re.compile(r"torch|triton|(?:nvidia|cuda)-.+")  # torch as the registry has it, for CUDA
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)
HEADS = {
    "run.txt": "What the image needs besides torch.",
    "source.txt": "Published as source alone: built with the tools of tools.txt.",
    "torch-cuda.txt": "torch for NVIDIA cards, and what it brings.",
    CPU_LOCK: "torch for processors, from the index of its publisher.",
    "tools.txt": "What builds the image, describes it (SBOM) and audits it.",
}


class LockFailed(Exception):
    """uv could not resolve; the message is the end of what it said."""


def write_locks(folder: Path = LOCKS) -> list[str]:
    """Write every lock file anew, or none. Returns a line for each. Raises `LockFailed`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = resolve(
        [*requirements_of(project), *ALWAYS], "--constraints", str(ROOT / "constraints.txt")
    )
    tools = resolve([*project["build-system"]["requires"], *TOOLS])
    files = {**divided(packages), "tools.txt": tools}
    files[CPU_LOCK], told = cpu_lock(packages["torch"], (folder / CPU_LOCK).read_text("utf-8"))
    for name, entries in files.items():
        (folder / name).write_text(text_of(name, entries), "utf-8")
    return [*(f"locks/{name}: {len(entries)} packages" for name, entries in files.items()), *told]


def requirements_of(project: dict[str, Any]) -> list[str]:
    """What pyproject.toml asks for in the image."""
    table = project["project"]
    return [*table["dependencies"], *table["optional-dependencies"]["postgres"]]


def divided(packages: dict[str, str]) -> dict[str, dict[str, str]]:
    """The entries of each lock file, by the name of the file."""
    files: dict[str, dict[str, str]] = {"run.txt": {}, "source.txt": {}, "torch-cuda.txt": {}}
    for name, entry in packages.items():
        if GPU.fullmatch(name):
            files["torch-cuda.txt"][name] = entry
        else:
            files["source.txt" if name in SOURCE_ALONE else "run.txt"][name] = entry
    return files


def resolve(requirements: list[str], *options: str) -> dict[str, str]:
    """Entries by package of all that `requirements` bring on any system. Raises `LockFailed`."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    command = [uv, "pip", "compile", "-", "--generate-hashes", "--universal", "--no-header"]
    command += ["--no-annotate", "--quiet", "--python-version", OLDEST_PYTHON, *options]
    asked = "\n".join(requirements)
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise LockFailed("uv is missing: `make lock` brings it") from error
    if done.returncode:
        raise LockFailed(done.stderr.strip()[-1000:])
    return entries_of(done.stdout)


def cpu_lock(
    torch: str, before: str, resolve: Callable[..., dict[str, str]] = resolve
) -> tuple[dict[str, str], list[str]]:
    """torch's entry for processors, of the version of the entry `torch`, and what is to be said.

    Its index is not the registry's. Where it is out of reach the entry stays as it is in `before`,
    the file as it stands, which only does for the same version. Raises `LockFailed` for another.
    """
    wanted = f"{pinned(torch)['torch']}+cpu"
    try:
        return resolve([f"torch=={wanted}"], "--torch-backend", "cpu", "--no-deps"), []
    except LockFailed as error:
        kept = entries_of(before)
        if pinned(before) != {"torch": wanted}:
            raise LockFailed(f"no hashes of torch {wanted}: {error}") from error
        return kept, [f"NO INDEX OF TORCH'S CPU BUILDS WITHIN REACH: locks/{CPU_LOCK} is kept"]


def entries_of(text: str) -> dict[str, str]:
    """A lock file's entries (the requirement and its hashes), by the package's name."""
    starts = [*PINNED.finditer(text)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    return {m[1]: text[m.start() : end] for m, end in zip(starts, ends, strict=True)}


def pinned(text: str) -> dict[str, str]:
    """Versions by package."""
    return {match[1]: match[2] for match in PINNED.finditer(text)}


def text_of(name: str, entries: dict[str, str]) -> str:
    head = f"# {HEADS[name]} Written by `make lock`; install with --require-hashes.\n"
    return head + "".join(entry.rstrip() + "\n" for entry in entries.values())
