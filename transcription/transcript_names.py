"""Where the transcript of each recording of a batch goes. What is written there is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from transcription.batch_record import BatchRecord


class SameTranscript(ValueError):
    """Two files would overwrite each other's transcript."""


def targets_of(files: Sequence[tuple[Path, Path]], record: BatchRecord) -> list[Path]:
    """The transcript of each of `files` (as of `find_audio`) below the output, without extension.

    A recording keeps the name that its transcript has, whatever lies beside it later. A new one has
    its own without extension, or with it (a.mp3 beside a.wav) if another wants or has that. Raises
    SameTranscript for two files that would have the same transcript.
    """
    wanted = Counter(name.with_suffix("") for _, name in files)
    targets = [_kept(name, record) or _new(name, wanted, record) for _, name in files]
    owners: dict[Path, Path] = {}
    for target, (file, _) in zip(targets, files, strict=True):
        other = owners.setdefault(target, file)
        if other != file:
            raise SameTranscript(
                f"{other} and {file} would have the same transcript; "
                "give their folders, or one of them at a time"
            )
    return targets


def _kept(name: Path, record: BatchRecord) -> Path | None:
    """The name that an earlier run gave to the transcript of this recording."""
    for target in (name.with_suffix(""), name):
        owner = record.owner(target.as_posix())
        if owner is not None and owner.name == name.as_posix():
            return target
    return None


def _new(name: Path, wanted: Counter[Path], record: BatchRecord) -> Path:
    bare = name.with_suffix("")
    return bare if wanted[bare] == 1 and record.owner(bare.as_posix()) is None else name
