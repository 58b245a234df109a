"""What a run leaves behind: everything needed to score it again without decoding.

One JSON file with references, transcripts, times, settings and versions. Rates are not kept here:
they are computed from this by `evaluation.py`, with whichever normaliser is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.formats.types import FormatError
from benchmarks.items import Item, words_from_json, words_to_json
from benchmarks.peers.types import PeerTranscript

FORMAT: Final = "whisper-longform-benchmark-1"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One recording and what one system heard in it.

    `seconds` is the time of the transcription alone; memory is the peak of the process so far.
    With an `error` there is no `heard`.
    """

    item: Item
    duration: float
    heard: PeerTranscript | None = None
    seconds: float = 0.0
    memory_bytes: int = 0
    device_memory_bytes: int = 0
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "item": self.item.to_json(),
            "duration": self.duration,
            "seconds": self.seconds,
            "memory_bytes": self.memory_bytes,
            "device_memory_bytes": self.device_memory_bytes,
            "error": self.error,
        }
        if self.heard is not None:
            row["heard"] = {
                "text": self.heard.text,
                "words": words_to_json(self.heard.words),
                "seams": [round(seam, 3) for seam in self.heard.seams],
                "windows": self.heard.windows,
                "uncovered_seconds": self.heard.uncovered_seconds,
            }
        return row

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> FileRecord:
        heard = row.get("heard")
        return cls(
            item=Item.from_json(row["item"]),
            duration=row["duration"],
            seconds=row["seconds"],
            memory_bytes=row["memory_bytes"],
            device_memory_bytes=row["device_memory_bytes"],
            error=row["error"],
            heard=None
            if heard is None
            else PeerTranscript(
                heard["text"],
                words_from_json(heard["words"]),
                tuple(heard["seams"]),
                heard["windows"],
                heard["uncovered_seconds"],
            ),
        )


@dataclass(frozen=True, slots=True)
class SystemRecord:
    """A recogniser with its settings and versions, and its files in the data set's order."""

    name: str
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    files: tuple[FileRecord, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "settings": dict(self.settings),
            "versions": dict(self.versions),
            "files": [file.to_json() for file in self.files],
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> SystemRecord:
        files = tuple(FileRecord.from_json(file) for file in row["files"])
        return cls(row["name"], row["settings"], row["versions"], files)


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
