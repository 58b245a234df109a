"""The one loop over recognisers and recordings: resumable, with a process for each recogniser.

Finished recordings lie in the run's folder, one file each. A run started again takes up where it
stopped; with other settings, weights, versions or sound it measures anew.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.checkpoint_conversion import fingerprint
from benchmarks.items import Item
from benchmarks.peers.registry import versions_of
from benchmarks.peers.types import PeerSpec
from benchmarks.records import FileRecord, SystemRecord, write_json
from benchmarks.worker import Job

COMPLAINT_LINES = 6
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
    _workers: list[subprocess.Popen[str]] = field(default_factory=list)
    _is_interrupted: bool = False

    def run(self, spec: PeerSpec) -> SystemRecord:
        """All recordings through one recogniser; those measured before are read, not repeated."""
        folder = self._folder_of(spec)
        targets = self._targets(spec)
        missing = [item for item in self.items if not _is_done(targets[item.name])]
        if missing:
            self._in_processes(spec, missing, targets, partial(write_json, folder / OPENED))
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

    def _in_processes(
        self,
        spec: PeerSpec,
        missing: Sequence[Item],
        targets: Mapping[str, Path],
        when_opened: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """One worker for each device; passes on what the workers say when they are open."""
        shares = [missing[n :: len(self.devices)] for n in range(len(self.devices))]
        threads = []
        for number, (device, share) in enumerate(zip(self.devices, shares, strict=True)):
            if share:
                job = Job(
                    spec=_on_device(spec, device),
                    items=tuple(share),
                    targets=tuple(targets[item.name] for item in share),
                    sound_folder=self.folder / "sound",
                    warm_up=self.warm_up,
                )
                log = self.folder / "logs" / f"{folder_name(job.spec)}-{number}.log"
                thread = threading.Thread(target=self._work, args=(job, log, when_opened))
                thread.start()
                threads.append(thread)
        try:
            for thread in threads:
                thread.join()
        except BaseException:  # an interruption: workers end now, what they finished is kept
            self._is_interrupted = True
            for worker in self._workers:
                worker.kill()
            raise

    def _work(
        self, job: Job, log_path: Path, when_opened: Callable[[Mapping[str, Any]], None]
    ) -> None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with (
            log_path.open("w", encoding="utf-8") as log,
            subprocess.Popen(
                [self.python, "-m", "benchmarks.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # an interruption from the keyboard is ours to pass on
            ) as worker,
        ):
            self._workers.append(worker)
            try:
                told = self._listen(worker, job, when_opened)
                status = worker.wait()
            except BaseException:
                worker.kill()
                raise
            finally:
                self._workers.remove(worker)
        if status and not told and not self._is_interrupted:
            last = log_path.read_text(encoding="utf-8").strip().splitlines()[-COMPLAINT_LINES:]
            with self._lock:
                self.progress.failed(
                    job.spec.label, f"its process ended with {status}: " + " | ".join(last)
                )

    def _listen(
        self,
        worker: subprocess.Popen[str],
        job: Job,
        when_opened: Callable[[Mapping[str, Any]], None],
    ) -> bool:
        """Passes on what the worker says; whether it explained why it could not start."""
        assert worker.stdin is not None
        assert worker.stdout is not None
        with suppress(BrokenPipeError):  # it died at once: its status says so
            worker.stdin.write(json.dumps(job.to_json()) + "\n")
            worker.stdin.flush()  # it stays open: the worker ends when we do
        is_explained = False
        for event in _events(worker.stdout):
            with self._lock:
                if event["event"] == "opened":
                    when_opened(event)
                elif event["event"] == "started":
                    self.progress.started(job.spec.label, event["item"])
                elif event["event"] == "done":
                    self.progress.done(job.spec.label, event["item"], event["error"])
                elif event["event"] == "unavailable":
                    is_explained = True
                    self.progress.failed(job.spec.label, event["message"])
        return is_explained


def _events(lines: Any) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.strip():
            yield json.loads(line)


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
