"""An engine that takes fixed milliseconds for each window: what is lost around it shows.

Recognises nothing: its text is a digest of the samples, so that a lost or swapped window shows too.
"""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from decoding.types import Clip, Decoded, DecodingOptions, EngineStatistics, ModelCard


class TimedEngine:
    """A `Decoder` with `slots`; a window takes `seconds` from when it has one."""

    def __init__(self, seconds: float, slots: int) -> None:
        self.model = ModelCard("timed", True, ("en",), 0, "cpu", "fp32")
        self.is_alive = True
        self._seconds = seconds
        self._slots = slots
        self._decoded = 0
        self._threads = ThreadPoolExecutor(slots)

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        return self._threads.submit(self._decode, clip, options)

    def cancel(self, group: str) -> None:
        """Nothing is cancelled: nobody asks for it."""

    def statistics(self) -> EngineStatistics:
        return EngineStatistics(slots=self._slots, windows_decoded=self._decoded)

    def close(self) -> None:
        self.is_alive = False
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        time.sleep(self._seconds)
        self._decoded += 1
        return replace(
            Decoded.without_text(language=options.language or "en"), text=digest_of(clip)
        )


def digest_of(clip: Clip) -> str:
    return hashlib.blake2b(clip.samples.tobytes(), digest_size=8).hexdigest()
