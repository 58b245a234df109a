"""The engine's batch on a device whose work takes given times, and whose clock is not a real one.

Steps and prefills compute nothing: each is so many milliseconds of work in one of two queues, which
share the device while both have some. The host's own work moves the clock too; when it waits for an
answer, the clock goes on to where the answer has come. Every window is over when its `sample_len`
is reached. What is queued when, and who waits for what, is the engine's own code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from decoding.device import transfer
from decoding.device.cuda_graphs import RecordingRunner
from decoding.engine import prefill, slot_table, slots, token_steps, word_timing
from decoding.engine.batch import Batch
from decoding.engine.batching_policy import BatchingPolicy
from decoding.engine.prefill import Prefiller
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import WindowRequest
from decoding.search.hypotheses import Hypothesis, PendingSearches
from decoding.types import Clip, DecodingOptions

SPOKEN = Hypothesis(tuple(range(1000, 1010)), total=-2.0, is_truncated=False)
AS_IT_COMES: dict[str, Any] = {
    "language": "en",
    "temperatures": (0.0,),
    "compression_ratio_threshold": None,
    "logprob_threshold": None,
    "no_speech_threshold": None,
    "word_timestamps": False,
}
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds. Of the device: a step, and what each place adds; the prefill of a window. Of
    the host: a step, a call of the prefill and each window of it, judging a window.

    `shares`: how much of its speed each queue keeps, steps and prefills, while both are under way;
    together 1 if working side by side gains nothing.
    """

    step: float = 2.0
    place: float = 1 / 16
    prefill: float = 6.0
    host_step: float = 0.3
    host_prefill: float = 0.5
    host_window: float = 0.3
    host_judging: float = 1.0
    shares: tuple[float, float] = (0.5, 0.5)


@dataclass(slots=True, eq=False)
class Work:
    left: float
    after: Work | None = None
    is_step: bool = False
    end: float = NEVER

    def may_begin(self) -> bool:
        return self.after is None or self.after.end < NEVER


@dataclass(slots=True)
class ToyDevice:
    """Its queues and its clock: `now` is the host's. `steps`: when each step was over."""

    costs: Costs
    now: float = 0.0
    busy: float = 0.0
    steps: list[float] = field(default_factory=list)
    beside: bool = False  # whether the host speaks to the side queue
    _time: float = 0.0  # until which the device's doings are known
    _queues: tuple[list[Work], list[Work]] = field(default_factory=lambda: ([], []))
    _last: list[Work] = field(default_factory=lambda: [Work(0.0, end=0.0), Work(0.0, end=0.0)])

    def queue(self, work: float, *, after: Work | None = None, is_step: bool = False) -> None:
        one = Work(work, after, is_step)
        self._last[self.beside] = one
        self._queues[self.beside].append(one)
        self._go_on(self.now)

    def last(self, *, beside: bool) -> Work:
        return self._last[beside]

    def host(self, work: float) -> None:
        self.now += work
        self._go_on(self.now)

    def is_over(self, work: Work) -> bool:
        return work.end <= self.now

    def wait(self, work: Work) -> None:
        while work.end == NEVER:
            self._go_on(self._time + 0.05)
        self.now = max(self.now, work.end)

    def _go_on(self, until: float) -> None:
        self._settle()
        while self._time < until:
            heads = {at: queue[0] for at, queue in enumerate(self._queues) if queue}
            under_way = [at for at, one in heads.items() if one.may_begin()]
            if not under_way:
                self._time = until
                break
            rates = self.costs.shares if len(under_way) == 2 else (1.0, 1.0)
            taken = min(until - self._time, *(heads[at].left / rates[at] for at in under_way))
            for at in under_way:
                left = heads[at].left - taken * rates[at]
                heads[at].left = left if left > 1e-9 else 0.0
            self._time += taken
            self.busy += taken
            self._settle()

    def _settle(self) -> None:
        """What is done leaves its queue, and others may begin by that."""
        is_changed = True
        while is_changed:
            is_changed = False
            for queue in self._queues:
                while queue and queue[0].left == 0.0 and queue[0].may_begin():
                    over, is_changed = queue.pop(0), True
                    over.end = self._time
                    if over.is_step:
                        self.steps.append(over.end)


class ToySideStream:
    """A `SideStream`: the device's other queue."""

    def __init__(self, device: ToyDevice) -> None:
        self._device = device

    def run(self, work: Callable[[], Any]) -> Any:
        device = self._device
        main, device.beside = device.last(beside=False), True
        device.queue(0.0, after=main)
        try:
            return work()
        finally:
            device.beside = False

    def mark(self) -> ToyMark:
        return ToyMark(self._device, self._device.last(beside=True))

    def join(self) -> None:
        self._device.queue(0.0, after=self._device.last(beside=True))

    def lend(self, tensors: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class ToyMark:
    device: ToyDevice
    work: Work

    def is_passed(self) -> bool:
        return self.device.is_over(self.work)

    def wait(self) -> None:
        self.device.wait(self.work)


class ToyRecorder:
    """A `Recorder` whose replays do the same again."""

    def record(self, body: Callable[[], None]) -> Callable[[], None]:
        return body

    def forget(self) -> None:
        pass


class ToyLook:
    """A `Look` whose answer comes when the device has done what it was asked before."""

    def __init__(self, device: ToyDevice, slot_group: SlotGroup, budgets: dict[int, int]) -> None:
        device.queue(0.0)
        self._device, self._asked = device, device.last(beside=False)
        states = slot_group._slots
        self._over = {id(one) for at, one in states.items() if one.steps >= budgets[at]}

    def told(self, slot_group: SlotGroup) -> list[int]:
        self._device.wait(self._asked)
        states = slot_group._slots
        return [at for at in sorted(states, reverse=True) if id(states[at]) in self._over]


@dataclass(frozen=True, slots=True)
class Flow:
    """How windows went. `occupied`: of the places in steps that were taken while others waited, the
    share that had a window to decode, from the first time on that most had; `longest`: milliseconds
    between two steps' ends."""

    milliseconds_a_window: float
    occupied: float
    longest: float
    busy: float


def flow(
    model: Any,
    num_slots: int,
    lengths: Sequence[int],
    policy: BatchingPolicy,
    monkeypatch: pytest.MonkeyPatch,
    costs: Costs | None = None,
) -> Flow:
    """Windows of so many tokens, all asked for at once."""
    device = ToyDevice(costs or Costs())
    _put(device, monkeypatch)
    batch = Batch(model, num_slots, policy=policy, side_stream=ToySideStream(device))
    clip = Clip(torch.zeros(16_000, dtype=torch.int16).numpy())
    left = [WindowRequest(clip, DecodingOptions(sample_len=one, **AS_IT_COMES)) for one in lengths]
    monkeypatch.setattr(
        SlotGroup, "look", lambda group: ToyLook(device, group, _budgets(batch, group))
    )
    taken, decoding, is_full = 0, 0, False
    with torch.inference_mode():
        while left or len(batch):
            batch.admit([left.pop(0) for _ in range(min(batch.admissible, len(left)))])
            before = len(_steps(batch))
            batch.step()
            going = sum(group.steps < budget for group, budget in _steps(batch))
            is_full = is_full or going > 0.75 * num_slots
            if left and is_full and before:
                taken, decoding = taken + 1, decoding + going
    device.wait(device.last(beside=False))
    gaps = [second - first for first, second in itertools.pairwise(device.steps)]
    return Flow(
        device.now / len(lengths),
        decoding / max(1, taken * num_slots),
        max(gaps),
        device.busy / device.now,
    )


def _steps(batch: Batch) -> list[tuple[Any, int]]:
    """What is known of each slot, and how many tokens its window will have."""
    return [
        (table.slot_group._slots[at], one.options.sample_len or 0)
        for table in batch._tables.values()
        for at, one in table.running.items()
    ]


def _budgets(batch: Batch, slot_group: SlotGroup) -> dict[int, int]:
    (table,) = (one for one in batch._tables.values() if one.slot_group is slot_group)
    return {at: one.options.sample_len or 0 for at, one in table.running.items()}


def _put(device: ToyDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be done by the device takes its time, what is asked of it gets made-up answers."""
    costs = device.costs

    def take_tokens(_self: object, shape: Any) -> None:
        device.host(costs.host_step)
        device.queue(costs.step + costs.place * shape.slots, is_step=True)

    def prefill_windows(_self: object, shape: Any) -> None:
        device.host(costs.host_prefill + costs.host_window * shape.windows)
        device.queue(costs.prefill * shape.windows if "sound" in shape.what else 0.0)

    def best_hypothesis(*_: object) -> Hypothesis:
        device.host(costs.host_judging)
        return SPOKEN

    class Reported(PendingSearches):
        def __init__(self, searches: Any, beside: Any) -> None:
            super().__init__(searches, beside)
            device.queue(0.0)
            self._asked = device.last(beside=False) if searches else None

        def here(self) -> Any:
            if self._asked is not None:
                device.wait(self._asked)
            return super().here()

    def to_host(tensor: torch.Tensor) -> torch.Tensor:
        return torch.zeros(tensor.shape, dtype=tensor.dtype)

    for module in (slots, prefill, word_timing):
        monkeypatch.setattr(module, "runner_for", lambda *_, **__: RecordingRunner(ToyRecorder()))
    for module in (transfer, prefill):
        monkeypatch.setattr(module, "to_host", to_host)
    monkeypatch.setattr(token_steps.TokenSteps, "_take_tokens", take_tokens)
    monkeypatch.setattr(token_steps.TokenSteps, "_take_first", lambda *_: device.queue(0.1))
    monkeypatch.setattr(Prefiller, "_prefill", prefill_windows)
    monkeypatch.setattr(slot_table, "best_hypothesis", best_hypothesis)
    monkeypatch.setattr(slot_table, "PendingSearches", Reported)
    monkeypatch.setattr(
        SlotGroup, "done", lambda group, look=None: (look or group.look()).told(group)
    )
