"""How the steps of a group of slots are run: plainly, or recorded once for a shape and replayed.

A recorded step costs the host one call instead of hundreds, which on a graphics processor is most
of a step's time. Knows neither slots nor models. The recording of CUDA graphs has not been run yet:
no such device was at hand when it was written; what records and replays here is proven with a
recorder of operations on the CPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch

logger = logging.getLogger(__name__)

SLOTS = (1, 2, 4, 8, 16, 24, 32, 48, 64)  # shapes that are recorded; then multiples of the last
MOST_RECORDINGS = 64


@dataclass(frozen=True, slots=True)
class StepShape:
    """What a step's operations depend on; all else is in tensors that stay where they are."""

    slots: int
    live: int  # text positions that are attended to
    has_one_bias: bool  # the same for all slots


Body = Callable[[StepShape], None]
Replay = Callable[[], object]


class Runner(Protocol):
    """Runs steps of one group of slots."""

    def slots(self, running: int, room: int) -> int:
        """How many slots, from the first, take part in a step when `running` of them are taken."""
        ...

    def run(self, shape: StepShape, body: Body) -> None:
        """Do once what the body does with the shape. It is the same body at every call."""
        ...

    def forget(self) -> None:
        """The body's tensors are about to be replaced."""
        ...


class PlainRunner:
    """Calls the body."""

    def slots(self, running: int, room: int) -> int:  # noqa: ARG002 - a port
        return running

    def run(self, shape: StepShape, body: Body) -> None:
        body(shape)

    def forget(self) -> None:
        pass


class Recorder(Protocol):
    """What a device can do for `RecordingRunner`."""

    def record(self, body: Callable[[], None]) -> Replay:
        """What does on the device what the body would do, which is not done now.

        Raises `RuntimeError` if that cannot be; nothing is done then either.
        """
        ...

    def forget(self) -> None:
        """Everything recorded is about to be dropped."""
        ...


class RecordingRunner:
    """A shape's first step is run plainly, its second is recorded, and replayed from then on.

    The plain one lets libraries load and choose what must not happen in a recording. When there are
    `most` recordings they are all dropped before another is made. If one cannot be made, a warning
    is logged and every step is plain from then on.
    """

    def __init__(self, recorder: Recorder, most: int = MOST_RECORDINGS) -> None:
        self._recorder = recorder
        self._most = most
        self._met: set[StepShape] = set()
        self._replays: dict[StepShape, Replay] = {}
        self._is_able = True

    def slots(self, running: int, room: int) -> int:
        if not self._is_able:
            return running
        largest = SLOTS[-1]
        rounded = next(
            (some for some in SLOTS if some >= running), -(-running // largest) * largest
        )
        return min(rounded, room)

    def run(self, shape: StepShape, body: Body) -> None:
        if self._is_able and shape in self._met and shape not in self._replays:
            self._record(shape, body)
        self._met.add(shape)
        replay = self._replays.get(shape)
        if replay is None:
            body(shape)
        else:
            replay()

    def forget(self) -> None:
        self._met.clear()
        if self._replays:
            self._recorder.forget()
            self._replays.clear()

    def _record(self, shape: StepShape, body: Body) -> None:
        if len(self._replays) >= self._most:
            self.forget()
        try:
            self._replays[shape] = self._recorder.record(partial(body, shape))
        except RuntimeError as error:
            logger.warning("steps cannot be recorded; they run plainly from now on: %s", error)
            self._is_able = False
            self.forget()


class CudaRecorder:
    """Records CUDA graphs, all in one pool of memory: they are replayed one after the other."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # PyTorch's
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, body: Callable[[], None]) -> Replay:
        graph = torch.cuda.CUDAGraph()
        working = torch.cuda.current_stream(self._device)
        with torch.cuda.device(self._device):
            try:
                with torch.cuda.graph(
                    graph, self._pool, self._stream, capture_error_mode="thread_local"
                ):
                    body()
            except RuntimeError:
                torch.cuda.set_stream(working)  # the recording's stays if it cannot be ended
                raise
        return graph.replay

    def forget(self) -> None:
        """Let the last replay end. A pool whose graphs are all gone takes no other."""
        torch.cuda.synchronize(self._device)
        self._pool = torch.cuda.graph_pool_handle()


def runner_for(device: torch.device, *, cuda_graphs: bool) -> Runner:
    """CUDA graphs where there can be some."""
    if cuda_graphs and device.type == "cuda":
        return RecordingRunner(CudaRecorder(device))
    return PlainRunner()
