"""The run on this machine: each line that is still to do is transcribed and entered, once.

Several recordings are in hand at a time and share one engine's batches; others are fetched ahead of
them. A recording that cannot be transcribed is entered as failed; what every recording would fail
of (no engine, no room, a prefix that cannot be written to) ends the run, and nothing is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field

from bulk.index import Index
from bulk.manifest import Line
from bulk.progress import Progress
from bulk.transcribing import RunStopped, Transcribing, Work


@dataclass(eq=False)
class Runner:
    """One run over lines that are to do; `ahead` recordings are fetched beside those at work."""

    work: Work
    index: Index
    progress: Progress
    ahead: int = 4
    _ends: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _why: BaseException | None = None

    def __post_init__(self) -> None:
        self._transcribing = Transcribing(self.work, self._ends)
        self._threads = self.work.at_once + self.ahead
        self._room = threading.Semaphore(self._threads)

    def run(self, lines: Iterable[Line]) -> None:
        """Return when every line is in the index.

        Raises `RunStopped` and `OutputFailed`; then, and when it is interrupted, what was finished
        is in the index, and the rest is to do.
        """
        with ThreadPoolExecutor(self._threads, thread_name_prefix="recording") as pool:
            try:
                for line in lines:
                    self._room.acquire()
                    if self._ends.is_set():
                        break
                    pool.submit(self._take, line)
                pool.shutdown()
            except BaseException:
                self._end(None)
                raise
        if self._why is not None:
            raise self._why

    def _end(self, why: BaseException | None) -> None:
        """Begin nothing more; windows in the engine are cancelled."""
        with self._lock:
            if self._ends.is_set():
                return
            self._why = why
            self._ends.set()
        self.work.decoder.close()

    def _take(self, line: Line) -> None:
        try:
            if not self._ends.is_set():
                self._enter(line)
        except CancelledError:
            self._end(RunStopped("the engine was closed"))
        except BaseException as error:  # noqa: BLE001 - a thread's last words: the run ends
            self._end(error)
        finally:
            self._room.release()

    def _enter(self, line: Line) -> None:
        entry, is_new = self._transcribing.entry_of(line)
        self.index.add(entry)
        self.progress.ended(entry, is_new=is_new)
