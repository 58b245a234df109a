"""Small packages of the kind that carry weights, and the table that says what must be in them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from transcription.model_packages import ModelFile, Package, PackageSource, Part

HALVES = (b"first half " * 400, b"second half " * 300)
CONFIG = b'{"alignment_heads": [[0, 0]]}'
LICENCE = b"MIT License\n"
FIRST, SECOND = (Package(f"planted-half-{number}==1.0.0", 4_000) for number in (1, 2))
OTHER = Package("planted-whole==2.0", 9_000)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def part(package: Package, member: str, content: bytes) -> Part:
    return Part(package, member, len(content), sha(content))


def planted_file(name: str, *parts: tuple[Package, str, bytes]) -> ModelFile:
    joined = b"".join(content for _, _, content in parts)
    return ModelFile(name, tuple(part(*one) for one in parts), sha(joined))


HALVED = PackageSource(
    (FIRST, SECOND),
    (
        planted_file(
            "model.bin",
            (FIRST, "half_1/data/bin", HALVES[0]),
            (SECOND, "half_2/data/bin", HALVES[1]),
        ),
        planted_file("config.json", (FIRST, "half_1/data/config.json", CONFIG)),
    ),
    (planted_file("LICENSE", (FIRST, "planted_half_1-1.0.0.dist-info/LICENSE", LICENCE)),),
)
WHOLE = PackageSource(
    (OTHER,),
    (
        planted_file("model.bin", (OTHER, "whole/bin", b"other container " * 500)),
        planted_file("config.json", (OTHER, "whole/config.json", CONFIG)),
    ),
    (),
)
CATALOGUE: Mapping[str, tuple[PackageSource, ...]] = {"base": (HALVED, WHOLE)}


def contents(source: PackageSource) -> dict[Package, dict[str, bytes]]:
    """What the packages of `source` hold when they are as published."""
    published = {
        "half_1/data/bin": HALVES[0],
        "half_2/data/bin": HALVES[1],
        "half_1/data/config.json": CONFIG,
        "planted_half_1-1.0.0.dist-info/LICENSE": LICENCE,
        "whole/bin": b"other container " * 500,
        "whole/config.json": CONFIG,
    }
    parts = [one for file in (*source.files, *source.notices) for one in file.parts]
    return {
        package: {one.member: published[one.member] for one in parts if one.package == package}
        for package in source.packages
    }


def write_wheel(folder: Path, package: Package, members: Mapping[str, bytes]) -> Path:
    """A wheel that pip accepts; its module must never be imported."""
    name, _, version = package.requirement.partition("==")
    stem = name.replace("-", "_")
    path = folder / f"{stem}-{version}-py3-none-any.whl"
    about = f"{stem}-{version}.dist-info"
    tag = "Wheel-Version: 1.0\nGenerator: planted\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{stem}/__init__.py", "raise RuntimeError('a package was run')\n")
        for member, content in members.items():
            wheel.writestr(member, content)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{about}/METADATA", f"{metadata}Requires-Dist: planted-nowhere\n")
        wheel.writestr(f"{about}/WHEEL", tag)
        wheel.writestr(f"{about}/RECORD", "")
    return path


def publish(folder: Path, *sources: PackageSource) -> None:
    """Wheels of every package of `sources`, as published."""
    for source in sources:
        for package, members in contents(source).items():
            write_wheel(folder, package, members)
