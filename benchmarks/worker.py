"""One recogniser in a process of its own: `python -m benchmarks.worker` with a job on its input.

Its memory is measured alone, it may crash without taking the run with it, and several may work
on several devices. It writes one file for each recording as it is finished, and a line of JSON on
standard output for the runner.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from benchmarks.items import AudioPart, Item
from benchmarks.machine import peak_device_memory, peak_memory, timed
from benchmarks.peers.registry import open_peer, versions_of
from benchmarks.peers.types import Peer, PeerSpec, PeerUnavailable
from benchmarks.records import FileRecord, write_json
from benchmarks.sound import prepare

WARM_UP_SPEECH = Path(__file__).parent / "recordings" / "demo-meeting.opus"
WARM_UP_SECONDS = (0.5, 7.0)
UNAVAILABLE = 3
ABANDONED = 4


@dataclass(frozen=True, slots=True)
class Job:
    """Recordings for one recogniser; `targets` are the files to write, one for each item."""

    spec: PeerSpec
    items: tuple[Item, ...]
    targets: tuple[Path, ...]
    sound_folder: Path
    warm_up: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "spec": self.spec.to_json(),
            "items": [item.to_json() for item in self.items],
            "targets": [str(target) for target in self.targets],
            "sound_folder": str(self.sound_folder),
            "warm_up": self.warm_up,
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Job:
        return cls(
            spec=PeerSpec.from_json(row["spec"]),
            items=tuple(Item.from_json(item) for item in row["items"]),
            targets=tuple(Path(target) for target in row["targets"]),
            sound_folder=Path(row["sound_folder"]),
            warm_up=row["warm_up"],
        )


def work(job: Job, report: TextIO) -> int:
    """Does the job; 0, or UNAVAILABLE when the recogniser cannot be opened."""
    began = time.perf_counter()
    try:
        peer = open_peer(job.spec)
    except PeerUnavailable as error:
        _tell(report, event="unavailable", message=str(error))
        return UNAVAILABLE
    try:
        if job.warm_up:
            _warm_up(peer, job.sound_folder)
        _tell(
            report,
            event="opened",
            settings=dict(peer.settings),
            versions=versions_of(job.spec.kind),
            seconds=time.perf_counter() - began,
        )
        for item, target in zip(job.items, job.targets, strict=True):
            _tell(report, event="started", item=item.name)
            record = measure(peer, item, job.sound_folder)
            write_json(target, record.to_json())
            _tell(report, event="done", item=item.name, error=record.error)
    finally:
        peer.close()
    return 0


def measure(peer: Peer, item: Item, sound_folder: Path) -> FileRecord:
    """Transcribes one recording and times the call alone. An error becomes part of the record."""
    record = FileRecord(item, duration=0.0)
    try:
        audio, duration = prepare(item, sound_folder)
        record = replace(record, duration=duration)
        transcribe = partial(peer.transcribe, audio, item.language or None)
        heard, seconds, work_seconds = timed(transcribe)
    except Exception as error:  # noqa: BLE001  # a recogniser may fail in any way; the run goes on
        sys.stderr.write(traceback.format_exc())
        return replace(record, error=f"{type(error).__name__}: {error}"[:500])
    return replace(
        record,
        heard=heard,
        seconds=seconds,
        cpu_seconds=work_seconds,
        memory_bytes=peak_memory(),
        device_memory_bytes=peak_device_memory(),
    )


def _warm_up(peer: Peer, sound_folder: Path) -> None:
    """A few seconds of speech: kernels are compiled and caches filled before anything is timed."""
    speech = Item("warm-up", (AudioPart(WARM_UP_SPEECH, *WARM_UP_SECONDS),), "")
    audio, _ = prepare(speech, sound_folder)
    peer.transcribe(audio, "en")


def _tell(report: TextIO, **event: Any) -> None:
    report.write(json.dumps(event) + "\n")
    report.flush()


def end_with(runner: int) -> None:
    """Ends this process when the runner's end of the pipe closes: nobody would read the rest."""

    def watch() -> None:
        while os.read(runner, 1):  # not through sys.stdin, whose lock would be held at exit
            pass
        os._exit(ABANDONED)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Reads the job; keeps standard output for the report alone, whatever libraries print."""
    job = Job.from_json(json.loads(sys.stdin.readline()))
    end_with(sys.stdin.fileno())
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as report:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return work(job, report)


if __name__ == "__main__":
    raise SystemExit(main())
