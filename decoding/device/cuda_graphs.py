"""How steps, prefills and word timing are run: plainly, or recorded once for a shape and replayed.

What is recorded costs the host one call instead of hundreds, which on a graphics processor is most
of a step's time. Knows neither slots nor models. Steps recorded as CUDA graphs have run on an H100
and gave the plain steps' tokens; prefills, first tokens, word timing and steps in which somebody
samples, recorded since, have not run on a card yet: they are proven with a recorder of operations
on the CPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import torch

logger = logging.getLogger(__name__)

SLOTS = (1, 2, 4, 8, 16, 24, 32, 48, 64)  # shapes that are recorded; then multiples of the last
LENGTHS = (4, 8, 16, 32, 64, 128, 256)  # of prompts
MOST_RECORDINGS = 128


@dataclass(frozen=True, slots=True)
class StepShape:
    """What a step's operations depend on; all else is in tensors that stay where they are."""

    slots: int
    live: int  # text positions that are attended to
    has_one_bias: bool  # the same for all slots
    sampling: int  # slots that draw their tokens


Shape = TypeVar("Shape", bound=Hashable)
Item = TypeVar("Item")
Replay = Callable[[], object]


class Runner(Protocol):
    """Runs what is done again and again with tensors that stay where they are."""

    @property
    def replays(self) -> bool:
        """Whether a body may be done again without being called: all that changes between two
        times must be in its tensors."""
        ...

    def slots(self, running: int, room: int) -> int:
        """How many slots, from the first, take part in a step when `running` of them are taken."""
        ...

    def parts(self, windows: int) -> Sequence[int]:
        """How many of so many windows are treated in each call, in order."""
        ...

    def length(self, tokens: int, most: int) -> int:
        """To how many tokens texts are padded whose longest has so many; `most` is allowed."""
        ...

    def run(self, shape: Shape, body: Callable[[Shape], None]) -> None:
        """Do once what the body does with the shape; it is the same body at every call."""
        ...

    def forget(self) -> None:
        """The body's tensors are about to be replaced."""
        ...


def in_parts(
    items: Sequence[Item], runner: Runner, at_once: int | None = None
) -> Iterator[Sequence[Item]]:
    """The items as the runner treats them, those of each call; at most `at_once` together."""
    most = at_once or max(len(items), 1)
    for first in range(0, len(items), most):
        left = items[first : first + most]
        for count in runner.parts(len(left)):
            yield left[:count]
            left = left[count:]


class PlainRunner:
    """Calls the body."""

    replays = False

    def slots(self, running: int, room: int) -> int:  # noqa: ARG002 - a port
        return running

    def parts(self, windows: int) -> Sequence[int]:
        return (windows,)

    def length(self, tokens: int, most: int) -> int:  # noqa: ARG002 - a port
        return tokens

    def run(self, shape: Shape, body: Callable[[Shape], None]) -> None:
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
        self._met: set[Hashable] = set()
        self._replays: dict[Hashable, Replay] = {}
        self._is_able = True

    @property
    def replays(self) -> bool:
        return self._is_able

    def slots(self, running: int, room: int) -> int:
        if not self._is_able:
            return running
        largest = SLOTS[-1]
        rounded = next(
            (some for some in SLOTS if some >= running), -(-running // largest) * largest
        )
        return min(rounded, room)

    def parts(self, windows: int) -> Sequence[int]:
        """Powers of two: few shapes, and nothing is done for windows that are not there."""
        if not self._is_able:
            return (windows,)
        return [1 << at for at in reversed(range(windows.bit_length())) if windows >> at & 1]

    def length(self, tokens: int, most: int) -> int:
        if not self._is_able:
            return tokens
        return min(next((some for some in LENGTHS if some >= tokens), most), most)

    def run(self, shape: Shape, body: Callable[[Shape], None]) -> None:
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

    def _record(self, shape: Shape, body: Callable[[Shape], None]) -> None:
        if len(self._replays) >= self._most:
            self.forget()
        try:
            self._replays[shape] = self._recorder.record(partial(body, shape))
        except RuntimeError as error:
            logger.warning("steps cannot be recorded; they run plainly from now on: %s", error)
            self._is_able = False
            self.forget()


class CudaRecorder:
    """Records CUDA graphs, all in one pool of memory: they are replayed one after the other.

    `priority`: of their kernels, which they take from the stream that they are recorded on.
    """

    def __init__(self, device: torch.device, priority: int = 0) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device, priority)  # type: ignore[no-untyped-call] # PyTorch's
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


def runner_for(device: torch.device, *, cuda_graphs: bool, priority: int = 0) -> Runner:
    """CUDA graphs, of such a priority, where there can be some."""
    if cuda_graphs and device.type == "cuda":
        return RecordingRunner(CudaRecorder(device, priority))
    return PlainRunner()
