"""Between host and device without needless waiting.

A plain copy to or from a CUDA device waits until the device has done all that was asked of it.
`send_into` has not run on a card yet.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def send(numbers: Sequence[int] | Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Whole numbers on the device; the host does not wait until they are there."""
    return to_device(torch.tensor(numbers, dtype=torch.int64), device)


def send_into(place: Tensor, numbers: Sequence[int] | Sequence[float]) -> None:
    """Numbers into the first of `place` [n]; the host does not wait until they are there."""
    sent = torch.tensor(numbers, dtype=place.dtype)
    if place.is_cuda:
        sent = sent.pin_memory()
    place[: len(sent)].copy_(sent, non_blocking=True)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; the host does not wait until it is there."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def to_host(tensor: Tensor) -> Tensor:
    """The tensor on the host; from CUDA it is there once the stream has done all asked so far."""
    return tensor.to("cpu", non_blocking=tensor.is_cuda)


class PendingCopies:
    """Tensors that are being copied to the host. Those that are there already stay."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._copies = [to_host(tensor) for tensor in tensors]
        self._event: torch.cuda.Event | None = None
        if any(tensor.is_cuda for tensor in tensors):
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch.cuda has no types
            self._event.record(torch.cuda.current_stream(tensors[0].device))

    def here(self) -> list[Tensor]:
        """Waits until they have come, but not for what the device was asked after them."""
        if self._event is not None:
            self._event.synchronize()
        return self._copies


def fetch(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors on the host, all with one question."""
    return PendingCopies(tensors).here()
