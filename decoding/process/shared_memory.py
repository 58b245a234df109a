"""Memory that two processes share, cut into places that hold the samples of one clip each.

Knows nothing of queues or processes: whoever takes a place gives it back.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
from multiprocessing import reduction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoding.errors import QueueFull
from decoding.types import CLIP_SAMPLES

PLACE_BYTES = CLIP_SAMPLES * np.dtype(np.float32).itemsize


class SharedMemoryPool:
    """`places` places in an unnamed file in memory; pages that were never written cost nothing.

    It can be handed to a process that is being started, which then sees the same bytes.
    """

    def __init__(self, places: int, descriptor: int | None = None) -> None:
        self.places = places
        self._descriptor = _unnamed_file(places) if descriptor is None else descriptor
        self._memory = mmap.mmap(self._descriptor, places * PLACE_BYTES)
        self._free = list(range(places - 1, -1, -1))  # the last one given back is taken first
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.places, reduction.DupFd(self._descriptor))

    def put(self, samples: NDArray[Any]) -> int:
        """Copy the samples into a free place, whose number is returned. Raises `QueueFull`."""
        with self._lock:
            if not self._free:
                raise QueueFull(f"{self.places} windows are waiting; try again later")
            place = self._free.pop()
        self.view(place, len(samples), samples.dtype.str)[:] = samples
        return place

    def view(self, place: int, length: int, dtype: str) -> NDArray[Any]:
        """The first `length` samples of a place, not copied."""
        return np.frombuffer(self._memory, dtype, length, place * PLACE_BYTES)

    def give_back(self, place: int) -> None:
        with self._lock:
            self._free.append(place)

    @property
    def num_free(self) -> int:
        return len(self._free)

    def close(self) -> None:
        """Let go of the file; its memory goes when the last view of it does."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _unnamed_file(places: int) -> int:
    """A file without a name. Not /dev/shm: containers give that 64 MB."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("clips")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, places * PLACE_BYTES)
    return descriptor


def _reopen(places: int, descriptor: Any) -> SharedMemoryPool:
    return SharedMemoryPool(places, descriptor.detach())
