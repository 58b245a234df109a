"""Work that a device does beside its main stream, so that steps need not wait for it.

Knows nothing of the work: only how to queue it, and how to tell that it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Mark(Protocol):
    """A place in the queue. Passed when all that was queued before it is done."""

    def is_passed(self) -> bool: ...

    def wait(self) -> None: ...


class SideStream(Protocol):
    """A queue of work, done in order."""

    def run(self, work: Callable[[], T]) -> T:
        """Queue what the work asks of the device, after all that the main stream was asked so
        far. What it wrote may be read when a mark set afterwards is passed; further work in this
        queue may use it at once."""
        ...

    def mark(self) -> Mark: ...

    def join(self) -> None:
        """What the main stream is asked from now on comes after all that is in the queue."""
        ...

    def lend(self, tensors: Iterable[Tensor]) -> None:
        """Work of this queue writes into these tensors of the main stream: their memory is not
        used for anything else before it is done, whoever drops them."""
        ...


class Passed:
    """A mark in a queue that is always empty."""

    def is_passed(self) -> bool:
        return True

    def wait(self) -> None:
        pass


class InlineStream:
    """No queue: the work is done when `run` returns. For the CPU, which has one pair of hands, and
    for devices whose copies to the host wait: all but CUDA."""

    def run(self, work: Callable[[], T]) -> T:
        return work()

    def mark(self) -> Mark:
        return Passed()

    def join(self) -> None:
        pass

    def lend(self, tensors: Iterable[Tensor]) -> None:
        pass


class _Event:
    def __init__(self, event: torch.cuda.Event) -> None:
        self._event = event

    def is_passed(self) -> bool:
        return bool(self._event.query())  # type: ignore[no-untyped-call]  # torch.cuda has no types

    def wait(self) -> None:
        self._event.synchronize()


FIRST = -1  # as CUDA counts: before what the main stream was asked, whose priority is 0


class CudaSideStream:
    """A second CUDA stream, whose work goes first: while a slot waits for its window, every step is
    taken with one less. That it waits for the main one, and writes into its tensors, has not run on
    a card yet.

    Memory: what the work allocates belongs to this stream, and what it frees is used again by
    later work of this stream only, in order.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device, FIRST)  # type: ignore[no-untyped-call]  # torch.cuda has no types

    def run(self, work: Callable[[], T]) -> T:
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            return work()

    def mark(self) -> Mark:
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch.cuda has no types
        event.record(self._stream)
        return _Event(event)

    def join(self) -> None:
        torch.cuda.current_stream(self._device).wait_stream(self._stream)

    def lend(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            tensor.record_stream(self._stream)


def side_stream_for(device: torch.device) -> SideStream:
    return CudaSideStream(device) if device.type == "cuda" else InlineStream()
