"""The one loop over recognisers and recordings: resumable, with a process for each recogniser.

Finished recordings lie in the run's folder, one file each. A run started again takes up where it
stopped; with other settings, weights, versions or sound it measures anew.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import measurement
from benchmarks.checkpoint_conversion import fingerprint
from benchmarks.items import Item
from benchmarks.peers.registry import versions_of
from benchmarks.peers.types import PeerSpec
from benchmarks.records import FileRecord, SystemRecord, write_json
from benchmarks.worker_process import Worker, WorkFailed

OPENED = "opened.json"


class RunProgress:
    """Hears what happens, and this one says nothing of it.

    Called from one thread per device, one call at a time.
    """

    def started(self, system: str, item: str) -> None:
        """The system has begun with the recording."""

    def done(self, system: str, item: str, error: str | None) -> None:
        """The recording is written down, or why it is not."""

    def failed(self, system: str, message: str) -> None:
        """The system could not be opened, or its process has ended."""


@dataclass(slots=True)
class Runner:
    """Measures systems over `items` in `folder`. `devices`: each gets a process and a share.

    `python` starts workers; `warm_up` False skips the clip before the first timed one.
    """

    items: Sequence[Item]
    folder: Path
    devices: Sequence[str] = ("cpu",)
    progress: RunProgress = field(default_factory=RunProgress)
    warm_up: bool = True
    python: str = sys.executable
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _workers: list[Worker] = field(default_factory=list)
    _is_interrupted: bool = False

    def run(self, spec: PeerSpec) -> SystemRecord:
        """All recordings through one recogniser; those measured before are read, not repeated."""
        targets = self._targets(spec)
        missing = [item for item in self.items if not _is_done(targets[item.name])]
        threads = []
        for number, device in enumerate(self.devices):
            if share := missing[number :: len(self.devices)]:
                job = (_on_device(spec, device), share, number)
                threads.append(threading.Thread(target=self._work, args=job))
                threads[-1].start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:  # an interruption: workers end now, what they finished is kept
            self._is_interrupted = True
            for worker in self._workers:
                worker.kill()
            raise
        return self.finished(spec)

    def finished(self, spec: PeerSpec) -> SystemRecord:
        """What was measured before; the other recordings have an error that says so."""
        targets = self._targets(spec)
        facts = _read(self._folder_of(spec) / OPENED) or {}
        return SystemRecord(
            name=spec.label,
            settings=facts.get("settings", {"model": spec.model, "device": spec.device}),
            versions=facts.get("versions", versions_of(spec.kind)),
            files=tuple(_record(item, targets[item.name]) for item in self.items),
            phase=spec.phase,
        )

    def pending(self, spec: PeerSpec) -> int:
        """Recordings that `run` would transcribe."""
        return sum(not _is_done(target) for target in self._targets(spec).values())

    def _folder_of(self, spec: PeerSpec) -> Path:
        kind_of_device = _on_device(spec, self.devices[0])
        return self.folder / "systems" / folder_name(kind_of_device)

    def _targets(self, spec: PeerSpec) -> dict[str, Path]:
        folder = self._folder_of(spec)
        return {item.name: folder / f"{_file_name(item)}.json" for item in self.items}

    def _work(self, spec: PeerSpec, share: Sequence[Item], number: int) -> None:
        """All of a device's share through the recogniser, in a process that is opened for it."""
        targets = self._targets(spec)
        log = self.folder / "logs" / f"{folder_name(spec)}-{number}.log"
        worker = Worker(log=log, python=self.python)
        self._workers.append(worker)
        try:
            opened = worker.open(
                measurement.OPENER,
                {
                    "spec": spec.to_json(),
                    "sound_folder": str(self.folder / "sound"),
                    "warm_up": self.warm_up,
                },
            )
            self._alone(write_json, self._folder_of(spec) / OPENED, opened)
            for item in share:
                self._alone(self.progress.started, spec.label, item.name)
                row = worker.ask(item.to_json())
                write_json(targets[item.name], row)
                self._alone(self.progress.done, spec.label, item.name, row["error"])
        except WorkFailed as error:
            if not self._is_interrupted:
                self._alone(self.progress.failed, spec.label, str(error))
        finally:
            self._workers.remove(worker)
            worker.close()

    def _alone(self, call: Callable[..., None], *arguments: Any) -> None:
        with self._lock:
            call(*arguments)


def folder_name(spec: PeerSpec) -> str:
    """A name that changes with whatever changes the outcome: settings, weights and versions.

    Which device of its kind it is does not.
    """
    settings = {
        **{k: v for k, v in spec.to_json().items() if k not in {"device", "api_key"}},
        "kind_of_device": spec.device.partition(":")[0],
        "weights": fingerprint(spec.model),
        "versions": versions_of(spec.kind),
    }
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=5)
    readable = "".join(c if c.isalnum() else "-" for c in spec.label).strip("-")
    return f"{readable[:40]}-{digest.hexdigest()}"


def _file_name(item: Item) -> str:
    """Of letters, digits and a hash of what is transcribed and what it is scored against."""
    readable = "".join(c if c.isalnum() or c in "-_" else "-" for c in item.name)
    sizes = [part.path.stat().st_size for part in item.parts if part.path.is_file()]
    digest = hashlib.blake2b(
        json.dumps([item.to_json(), sizes], sort_keys=True).encode(), digest_size=6
    ).hexdigest()
    return f"{readable[:60]}-{digest}"


def _on_device(spec: PeerSpec, device: str) -> PeerSpec:
    return PeerSpec.from_json({**spec.to_json(), "device": device})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content


def _is_done(path: Path) -> bool:
    """Whether a recording was measured; one that failed is tried again."""
    row = _read(path)
    return row is not None and row.get("error") is None


def _record(item: Item, path: Path) -> FileRecord:
    row = _read(path)
    if row is None:
        return FileRecord(item, duration=0.0, error="not measured: the recogniser did not run")
    return FileRecord.from_json(row)
