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
        """Queue what the work asks of the device. Its tensors may be read when a mark set
        afterwards is passed; further work in this queue may use them at once."""
        ...

    def mark(self) -> Mark: ...

    def hand_over(self, tensors: Iterable[Tensor]) -> None:
        """From now on the main stream uses these tensors; their mark is passed."""
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

    def hand_over(self, tensors: Iterable[Tensor]) -> None:
        pass


class _Event:
    def __init__(self, event: torch.cuda.Event) -> None:
        self._event = event

    def is_passed(self) -> bool:
        return bool(self._event.query())  # type: ignore[no-untyped-call]  # torch.cuda has no types

    def wait(self) -> None:
        self._event.synchronize()


class CudaSideStream:
    """A second CUDA stream. Has not been run yet: no such device was at hand.

    Memory: what the work allocates belongs to this stream, and what it frees is used again by
    later work of this stream only, in order. What is handed over is kept by PyTorch's allocator
    until the main stream has done all that was asked of it when the tensor is freed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch.cuda has no types
        self._stream.wait_stream(torch.cuda.current_stream(device))  # e.g. for the model's weights

    def run(self, work: Callable[[], T]) -> T:
        with torch.cuda.stream(self._stream):
            return work()

    def mark(self) -> Mark:
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch.cuda has no types
        event.record(self._stream)
        return _Event(event)

    def hand_over(self, tensors: Iterable[Tensor]) -> None:
        main = torch.cuda.current_stream(self._device)
        for tensor in tensors:
            tensor.record_stream(main)


def side_stream_for(device: torch.device) -> SideStream:
    return CudaSideStream(device) if device.type == "cuda" else InlineStream()
