"""What a run leaves behind: everything needed to score it again without decoding.

One JSON file with references, transcripts, times, settings and versions. Rates are not kept here:
they are computed from this by `evaluation.py`, with whichever normaliser is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.formats.types import FormatError
from benchmarks.items import Item, words_from_json, words_to_json
from benchmarks.peers.types import Account, PeerTranscript
from chunking.types import Span

FORMAT: Final = "whisper-longform-benchmark-1"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One recording and what one system heard in it.

    `seconds` is the time of the transcription alone, `cpu_seconds` what all threads and child
    processes worked in it; memory is the peak of the process so far. With an `error` there is no
    `heard`.
    """

    item: Item
    duration: float
    heard: PeerTranscript | None = None
    seconds: float = 0.0
    memory_bytes: int = 0
    device_memory_bytes: int = 0
    error: str | None = None
    cpu_seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "item": self.item.to_json(),
            "duration": self.duration,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "memory_bytes": self.memory_bytes,
            "device_memory_bytes": self.device_memory_bytes,
            "error": self.error,
        }
        if self.heard is not None:
            row["heard"] = _heard_to_json(self.heard)
        return row

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> FileRecord:
        heard = row.get("heard")
        return cls(
            item=Item.from_json(row["item"]),
            duration=row["duration"],
            seconds=row["seconds"],
            cpu_seconds=row.get("cpu_seconds", 0.0),
            memory_bytes=row["memory_bytes"],
            device_memory_bytes=row["device_memory_bytes"],
            error=row["error"],
            heard=None if heard is None else _heard_from_json(heard),
        )


def _heard_to_json(heard: PeerTranscript) -> dict[str, Any]:
    row: dict[str, Any] = {
        "text": heard.text,
        "words": words_to_json(heard.words),
        "seams": [round(seam, 3) for seam in heard.seams],
        "windows": heard.windows,
        "uncovered_seconds": heard.uncovered_seconds,
        "language": heard.language,
    }
    if heard.account is not None:
        uncovered = [[round(s.start, 3), round(s.end, 3)] for s in heard.account.uncovered]
        row["account"] = {**asdict(heard.account), "uncovered": uncovered}
    return row


def _heard_from_json(row: dict[str, Any]) -> PeerTranscript:
    account = row.get("account")
    return PeerTranscript(
        row["text"],
        words_from_json(row["words"]),
        tuple(row["seams"]),
        row["windows"],
        row["uncovered_seconds"],
        row.get("language"),
        None
        if account is None
        else Account(**{**account, "uncovered": tuple(Span(*s) for s in account["uncovered"])}),
    )


@dataclass(frozen=True, slots=True)
class SystemRecord:
    """A recogniser with its settings and versions, and its files in the data set's order.

    `phase`: seconds by which its windows were moved.
    """

    name: str
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    files: tuple[FileRecord, ...]
    phase: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "phase": self.phase,
            "settings": dict(self.settings),
            "versions": dict(self.versions),
            "files": [file.to_json() for file in self.files],
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> SystemRecord:
        files = tuple(FileRecord.from_json(file) for file in row["files"])
        phase = row.get("phase", 0.0)
        return cls(row["name"], row["settings"], row["versions"], files, phase)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run of one or more systems over one data set. `created` is ISO 8601 with its zone."""

    dataset: str
    created: str
    command: str
    normalizers: tuple[str, ...]
    systems: tuple[SystemRecord, ...]
    machine: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "dataset": self.dataset,
            "created": self.created,
            "command": self.command,
            "normalizers": list(self.normalizers),
            "machine": dict(self.machine),
            "notes": list(self.notes),
            "systems": [system.to_json() for system in self.systems],
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> RunRecord:
        if row.get("format") != FORMAT:
            raise FormatError(f"this is not a report of `benchmarks run` ({FORMAT})")
        return cls(
            dataset=row["dataset"],
            created=row["created"],
            command=row["command"],
            normalizers=tuple(row["normalizers"]),
            systems=tuple(SystemRecord.from_json(system) for system in row["systems"]),
            machine=row["machine"],
            notes=tuple(row["notes"]),
        )


def read_run(path: Path) -> RunRecord:
    """A report.json as it was written. Raises FormatError with one sentence."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} cannot be read as a report: {error}") from error
    if not isinstance(row, dict):
        raise FormatError(f"{path} is not a report of `benchmarks run`")
    try:
        return RunRecord.from_json(row)
    except (LookupError, TypeError, AttributeError) as error:
        raise FormatError(f"{path} is a damaged report: {error!r}") from error


def write_json(path: Path, content: Any) -> None:
    """Writes whole or not at all: an interrupted run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    unfinished.replace(path)
