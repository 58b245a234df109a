"""Clips in flight: which an engine process owes an answer, and which of them it may see now.

A clip that is unfinished when the process dies is sent again, but as a suspect: suspects of one
recording (group) go at a time, with nobody else in the process, so that a second death tells which
recording it was. Starts no process and sends nothing.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from decoding.process.messages import Request
from decoding.process.shared_memory import SharedMemoryPool
from decoding.types import Clip, Decoded, DecodingOptions

DEATHS_OF_A_CULPRIT = 2


@dataclass(slots=True, eq=False)
class InFlightClip:
    """One clip: its request, who waits for it, and what has befallen it."""

    request: Request
    future: Future[Decoded] = field(default_factory=Future)
    deaths: int = 0
    is_sent: bool = False

    @property
    def is_suspect(self) -> bool:
        return self.deaths > 0


class InFlight:
    """The unfinished clips, oldest first. Safe to use from several threads."""

    def __init__(self, pool: SharedMemoryPool) -> None:
        self._pool = pool
        self._entries: dict[int, InFlightClip] = {}
        self._num_suspects = 0
        self._next_key = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def has_sent(self) -> bool:
        """Whether the process has something to do."""
        with self._lock:
            return any(entry.is_sent for entry in self._entries.values())

    def add(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        """Take the clip in, not yet sent. Raises `QueueFull` when there is no free place."""
        place = self._pool.put(clip.samples)
        with self._lock:
            request = Request(
                key=self._next_key,
                place=place,
                length=len(clip.samples),
                dtype=clip.samples.dtype.str,
                clip=replace(clip, samples=clip.samples[:0].copy()),
                options=options,
            )
            entry = InFlightClip(request)
            self._entries[self._next_key] = entry
            self._next_key += 1
        return entry.future

    def take_sendable(self) -> list[Request]:
        """The requests that go to the process now; they count as sent."""
        with self._lock:
            entries = list(self._entries.values())
            if self._num_suspects:
                entries = self._suspects(entries)
            chosen = [entry for entry in entries if not entry.is_sent]
            for entry in chosen:
                entry.is_sent = True
            return [entry.request for entry in chosen]

    def finish(self, key: int) -> Future[Decoded] | None:
        """Strike the clip off; None when it was cancelled before."""
        with self._lock:
            entry = self._entries.get(key)
            return self._strike(entry) if entry else None

    def drop(self, group: str) -> list[Future[Decoded]]:
        """Strike off every clip of the group."""
        with self._lock:
            return self._strike_group(group)

    def drop_all(self) -> list[Future[Decoded]]:
        with self._lock:
            return [self._strike(entry) for entry in list(self._entries.values())]

    def note_death(self, *, is_theirs: bool = True) -> list[Future[Decoded]]:
        """The process died: nothing counts as sent. All clips of the recording that was proven to
        kill it, if any, are struck off and returned; none where a death is never theirs."""
        with self._lock:
            seen = [entry for entry in self._entries.values() if entry.is_sent]
            if not is_theirs:
                for entry in seen:
                    entry.is_sent = False
                return []
            for entry in seen:
                self._num_suspects += not entry.is_suspect
                entry.is_sent = False
                entry.deaths += 1
            groups = {entry.request.clip.group for entry in seen}
            if len(groups) != 1 or any(one.deaths < DEATHS_OF_A_CULPRIT for one in seen):
                return []
            (group,) = groups
            return self._strike_group(group)

    def _suspects(self, entries: list[InFlightClip]) -> list[InFlightClip]:
        """Those of the recording whose turn it is; nobody while another clip is in the process."""
        if any(entry.is_sent for entry in entries):
            return []
        suspects = [entry for entry in entries if entry.is_suspect]
        return [one for one in suspects if one.request.clip.group == suspects[0].request.clip.group]

    def _strike_group(self, group: str) -> list[Future[Decoded]]:
        entries = [e for e in self._entries.values() if e.request.clip.group == group]
        return [self._strike(entry) for entry in entries]

    def _strike(self, entry: InFlightClip) -> Future[Decoded]:
        del self._entries[entry.request.key]
        self._num_suspects -= entry.is_suspect
        self._pool.give_back(entry.request.place)
        return entry.future
