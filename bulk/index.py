"""The index of a prefix: what became of every recording, one line each, the newest word of it.

While a run lasts, lines are kept in parts (`index.parts/`), each written whole; at the end
`index.jsonl` holds those of the manifest in its order, and the parts go. A run that was killed lost
the lines of its last seconds: their results are still there, and are read again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bulk.entries import Entry, Status, entry_in
from bulk.output import Output

INDEX = "index.jsonl"
PARTS = "index.parts"
PART_LINES = 1000
PART_SECONDS = 10.0
KEY_BYTES = 8


def key_of(recording_id: str) -> int:
    """64 bits that stand for an id: two of a million are alike once in 40 million indexes."""
    encoded = recording_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=KEY_BYTES).digest())


class Index:
    """Entries lie in `scratch`; in memory is only where. Safe for several threads.

    `options_digest` stands for the model and the options of this run.
    """

    def __init__(
        self,
        output: Output,
        scratch: Path,
        options_digest: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self._file = (scratch / "entries").open("w+b")
        self._places: dict[int, int] = {}
        self._failed: set[int] = set()
        self._of_others: set[int] = set()
        self._options_digest = options_digest
        self._unsaved: list[str] = []
        self._number = 0
        self._clock = clock
        self._saved = clock()
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read what earlier runs left."""
        parts = self._output.names_in(PARTS)
        if self._output.exists(INDEX):
            self._keep_all(self._output.lines(INDEX))
        for content in self._output.read_all(parts):
            self._keep_all(content.splitlines(keepends=True))
        if parts:
            self._number = int(Path(parts[-1]).stem)

    def forget(self) -> None:
        """Remove what earlier runs left."""
        self._output.remove(self._output.names_in(PARTS))
        if self._output.exists(INDEX):
            self._output.remove([INDEX])

    def status_of(self, recording_id: str) -> Status | None:
        key = key_of(recording_id)
        if key not in self._places:
            return None
        return "failed" if key in self._failed else "completed"

    def is_of_others(self, recording_id: str) -> bool:
        """Whether it is completed, with another model or with other options than this run's."""
        return key_of(recording_id) in self._of_others

    def find(self, recording_id: str) -> Entry | None:
        with self._lock:
            place = self._places.get(key_of(recording_id))
            if place is None:
                return None
            self._file.seek(place)
            return entry_in(self._file.readline())

    def add(self, entry: Entry) -> None:
        """Keep it, and now and then write what was kept. Raises `OutputFailed`."""
        text = entry.text()
        with self._lock:
            self._keep(entry, text.encode())
            self._unsaved.append(text)
            if len(self._unsaved) >= PART_LINES or self._clock() - self._saved >= PART_SECONDS:
                self._save()

    def save(self) -> None:
        """Write what is kept and not yet written."""
        with self._lock:
            self._save()

    def finish(self, entries: Iterable[Entry]) -> None:
        """Write the index; nothing else of it is left."""
        self.save()
        self._output.write(INDEX, (entry.text() for entry in entries))
        self._output.remove(self._output.names_in(PARTS))

    def close(self) -> None:
        self._file.close()

    def _save(self) -> None:
        if self._unsaved:
            self._output.write(f"{PARTS}/{self._number + 1:08}.jsonl", self._unsaved)
            self._number += 1
            self._unsaved = []
        self._saved = self._clock()

    def _keep_all(self, lines: Iterable[bytes]) -> None:
        for text in lines:
            entry = entry_in(text)
            if entry is not None and entry.id is not None:
                self._keep(entry, text)

    def _keep(self, entry: Entry, text: bytes) -> None:
        assert entry.id is not None
        key = key_of(entry.id)
        self._places[key] = self._file.seek(0, 2)
        self._file.write(text)
        (self._failed.discard if entry.is_completed else self._failed.add)(key)
        is_of_others = entry.is_of_others(self._options_digest)
        (self._of_others.add if is_of_others else self._of_others.discard)(key)
