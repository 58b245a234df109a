"""The samples of one channel, growing on disk; counted and hashed as they are written."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from transcription.types import Recording


class ChannelFile:
    """A new file in `folder`; `channel` is None for a mix-down."""

    def __init__(self, folder: Path, channel: int | None) -> None:
        self.path = folder / f"{uuid.uuid4().hex}.pcm"
        self.channel = channel
        self.samples = 0
        self._hash = hashlib.sha256()
        self._file: BinaryIO = self.path.open("xb", buffering=0)

    def write(self, samples: NDArray[np.int16]) -> None:
        """Append, as s16le."""
        encoded = np.ascontiguousarray(samples, dtype="<i2").view(np.uint8).data
        self._hash.update(encoded)
        self.samples += len(samples)
        while encoded:
            encoded = encoded[self._file.write(encoded) :]

    def so_far(self) -> Recording:
        """What is on disk now; the digest is of these samples."""
        return Recording(self.path, self.samples, self._hash.hexdigest(), self.channel)

    def close(self) -> None:
        self._file.close()
