"""The inside of a replica on a cluster: one engine, and the clips that other hosts ask it for.

Batches are the engine's own: whatever is asked for at the same time is decoded together. Imports no
ray: Ray makes an object of this class in a process of its own and calls it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from decoding.errors import EngineFailed
from decoding.process.messages import portable
from decoding.types import Clip, Decoded, Decoder, DecodingOptions, EngineStatistics, ModelCard


class EngineReplica:
    """One engine, made by `factory` in the replica's process."""

    def __init__(self, factory: Callable[[], Decoder]) -> None:
        self._decoder = factory()

    async def describe(self) -> tuple[ModelCard, EngineStatistics]:
        return self._decoder.model, self._decoder.statistics()

    async def decode(self, clip: Clip, options: DecodingOptions) -> Decoded | Exception | None:
        """What came of the clip, an error too, None if the engine cancelled it.

        Only the cluster's own failures are raised. Who cancels the call cancels all clips of its
        group that are here.
        """
        try:
            future = self._decoder.submit(clip, options)
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if is_the_callers():
                self._decoder.cancel(clip.group)
                raise
            return None
        except Exception as error:  # noqa: BLE001 - raised again where it was asked for
            return portable(error)

    def check_health(self) -> None:
        """Raise when the engine is not coming back by itself: the replica is replaced."""
        if not self._decoder.is_alive:
            raise EngineFailed("the engine is away")

    def __del__(self) -> None:
        """Serve calls this when a replica is removed, its clips decoded."""
        decoder = getattr(self, "_decoder", None)
        if decoder is not None:
            decoder.close()


def is_the_callers() -> bool:
    """Whether it is this call that is being cancelled, not what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
