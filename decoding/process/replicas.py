"""Several engines that answer as one: `Cluster`.

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


class Cluster:
    """A `Decoder` over members that have the same model. Closing it closes them.

    Clips of a member that is away are decoded by the others; a clip that failed on a member that
    lives has failed.
    """

    def __init__(self, members: Sequence[Decoder]) -> None:
        if not members:
            raise ValueError("a cluster needs at least one engine")
        self._members = tuple(members)
        self._unfinished = [0] * len(self._members)
        self._lock = threading.Lock()

    @property
    def model(self) -> ModelCard:
        """The card of the first member, with the devices of all."""
        devices = dict.fromkeys(member.model.device for member in self._members)
        return replace(self._members[0].model, device=",".join(devices))

    @property
    def is_alive(self) -> bool:
        return any(member.is_alive for member in self._members)

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        outer: Future[Decoded] = Future()
        self._place(clip, options, outer)
        return outer

    def cancel(self, group: str) -> None:
        for member in self._members:
            member.cancel(group)

    def statistics(self) -> EngineStatistics:
        """Sums over the members."""
        parts = [member.statistics() for member in self._members]
        names = [field.name for field in fields(EngineStatistics)]
        return EngineStatistics(**{n: sum(getattr(part, n) for part in parts) for n in names})

    def close(self) -> None:
        for member in self._members:
            member.close()

    def _place(self, clip: Clip, options: DecodingOptions, outer: Future[Decoded]) -> None:
        """Submit to the least loaded member that takes the clip. Raises when none does."""
        problem: Exception = EngineAway("every engine died too often in a row")
        refused: set[int] = set()
        while (index := self._reserve(refused)) is not None:
            try:
                inner = self._members[index].submit(clip, options)
            except (QueueFull, EngineFailed) as error:
                self._release(index)
                refused.add(index)
                if isinstance(error, QueueFull):
                    problem = error
            except BaseException:
                self._release(index)
                raise
            else:
                flight = _Flight(clip, options, outer, index)
                inner.add_done_callback(partial(self._land, flight))
                return
        raise problem

    def _land(self, flight: _Flight, inner: Future[Decoded]) -> None:
        """Pass the answer on, or the clip to another member when its own is lost."""
        self._release(flight.index)
        if inner.cancelled():
            flight.outer.cancel()
            return
        error = inner.exception()
        if isinstance(error, EngineAway) and not flight.outer.cancelled():
            try:
                self._place(flight.clip, flight.options, flight.outer)
                return
            except DecodingError as refusal:
                error = refusal
        with suppress(InvalidStateError):  # its owner cancelled it
            if error is not None:
                flight.outer.set_exception(error)
            else:
                flight.outer.set_result(inner.result())

    def _reserve(self, refused: set[int]) -> int | None:
        """Count one clip more on the least loaded member that lives and has not refused."""
        alive = [
            index
            for index, member in enumerate(self._members)
            if index not in refused and member.is_alive
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
class _Flight:
    """A clip on its way: kept so that it can be sent to another member."""

    clip: Clip
    options: DecodingOptions
    outer: Future[Decoded]
    index: int
