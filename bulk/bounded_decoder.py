"""An engine that is never asked for more at once than its queue holds: who asks waits.

Recordings that are transcribed side by side submit windows without knowing of each other.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future

from decoding.types import Clip, Decoded, Decoder, DecodingOptions, EngineStatistics, ModelCard


class BoundedDecoder:
    """A `Decoder` on another: `room` clips at once. Nobody waits for those who wait."""

    def __init__(self, decoder: Decoder, room: int) -> None:
        self._decoder = decoder
        self._room = threading.Semaphore(room)

    @property
    def model(self) -> ModelCard:
        return self._decoder.model

    @property
    def is_alive(self) -> bool:
        return self._decoder.is_alive

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        self._room.acquire()
        try:
            future = self._decoder.submit(clip, options)
        except BaseException:
            self._room.release()
            raise
        future.add_done_callback(lambda _done: self._room.release())
        return future

    def cancel(self, group: str) -> None:
        self._decoder.cancel(group)

    def statistics(self) -> EngineStatistics:
        return self._decoder.statistics()

    def close(self) -> None:
        self._decoder.close()
