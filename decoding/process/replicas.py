"""Several replicas of an engine that answer as one: `ReplicaSet`.

Each clip goes where the fewest are unfinished. Does not start or restart anything.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial

from decoding.errors import DecodingError, EngineAway, EngineFailed, QueueFull
from decoding.types import (
    Clip,
    Decoded,
    Decoder,
    DecodingOptions,
    EngineStatistics,
    ModelCard,
)


class ReplicaSet:
    """A `Decoder` over replicas of the same model. Closing it closes them.

    Clips of a replica that is away are decoded by the others; a clip that failed on a replica that
    lives has failed.
    """

    def __init__(self, replicas: Sequence[Decoder]) -> None:
        if not replicas:
            raise ValueError("a replica set needs at least one engine")
        self._replicas = tuple(replicas)
        self._unfinished = [0] * len(self._replicas)
        self._lock = threading.Lock()

    @property
    def model(self) -> ModelCard:
        """The card of the first replica, with the devices of all."""
        devices = dict.fromkeys(replica.model.device for replica in self._replicas)
        return replace(self._replicas[0].model, device=",".join(devices))

    @property
    def is_alive(self) -> bool:
        return any(replica.is_alive for replica in self._replicas)

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        outer: Future[Decoded] = Future()
        self._place(clip, options, outer)
        return outer

    def cancel(self, group: str) -> None:
        for replica in self._replicas:
            replica.cancel(group)

    def statistics(self) -> EngineStatistics:
        """Sums over the replicas."""
        parts = [replica.statistics() for replica in self._replicas]
        names = [field.name for field in fields(EngineStatistics)]
        return EngineStatistics(**{n: sum(getattr(part, n) for part in parts) for n in names})

    def close(self) -> None:
        for replica in self._replicas:
            replica.close()

    def _place(self, clip: Clip, options: DecodingOptions, outer: Future[Decoded]) -> None:
        """Submit to the least loaded replica that takes the clip. Raises when none does."""
        problem: Exception = EngineAway("every engine died too often in a row")
        refused: set[int] = set()
        while (index := self._reserve(refused)) is not None:
            try:
                inner = self._replicas[index].submit(clip, options)
            except (QueueFull, EngineFailed) as error:
                self._release(index)
                refused.add(index)
                if isinstance(error, QueueFull):
                    problem = error
            except BaseException:
                self._release(index)
                raise
            else:
                sent = _SentClip(clip, options, outer, index)
                inner.add_done_callback(partial(self._deliver, sent))
                return
        raise problem

    def _deliver(self, sent: _SentClip, inner: Future[Decoded]) -> None:
        """Pass the answer on, or the clip to another replica when its own is lost."""
        self._release(sent.index)
        if inner.cancelled():
            sent.outer.cancel()
            return
        error = inner.exception()
        if isinstance(error, EngineAway) and not sent.outer.cancelled():
            try:
                self._place(sent.clip, sent.options, sent.outer)
                return
            except DecodingError as refusal:
                error = refusal
        with suppress(InvalidStateError):  # its owner cancelled it
            if error is not None:
                sent.outer.set_exception(error)
            else:
                sent.outer.set_result(inner.result())

    def _reserve(self, refused: set[int]) -> int | None:
        """Count one clip more on the least loaded replica that lives and has not refused."""
        alive = [
            index
            for index, replica in enumerate(self._replicas)
            if index not in refused and replica.is_alive
        ]
        with self._lock:
            index = min(alive, key=self._unfinished.__getitem__, default=None)
            if index is not None:
                self._unfinished[index] += 1
        return index

    def _release(self, index: int) -> None:
        with self._lock:
            self._unfinished[index] -= 1


@dataclass(frozen=True, slots=True)
class _SentClip:
    """A clip on its way: kept so that it can be sent to another replica."""

    clip: Clip
    options: DecodingOptions
    outer: Future[Decoded]
    index: int
