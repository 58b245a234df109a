"""How many operations the engine's thread launches, counted without a device.

On the meta device tensors have no numbers, but each operation that would be launched on a graphics
processor comes by; what is recorded and replayed counts as one. Questions to the device get made-up
answers: every window is over when its `sample_len` is reached, and has said the same.
"""

from __future__ import annotations

import collections
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from decoding.device import transfer
from decoding.device.cuda_graphs import RecordingRunner
from decoding.engine import prefill, slot_table, slots, token_steps, word_timing
from decoding.engine.batch import Batch
from decoding.engine.prefill import Prefiller
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import WindowRequest
from decoding.kernels import logsumexp, step_attention
from decoding.search import logit_rules
from decoding.search.hypotheses import Hypothesis
from decoding.search.state import Plan
from decoding.types import Clip, DecodingOptions
from tests.decoding.noise import noise
from tests.decoding.operations import storage_of, tensors_in

NO_WORK = ("aten::empty", "aten::new_empty", "aten::resize_")  # memory alone


ROUNDS_BEFORE = 2  # in the second of them shapes are recorded
FUSED = "aten::scaled_dot_product_attention"  # in one kernel where there are some


SPOKEN = Hypothesis(tuple(range(1000, 1010)), total=-22.0, is_truncated=False)  # -2.0 a token

ACCEPTED: dict[str, Any] = {  # whose language is to be found, and times of its words
    "compression_ratio_threshold": None,
    "logprob_threshold": None,
    "no_speech_threshold": None,
    "needs_language": False,
}
TRIED_AGAIN = {**ACCEPTED, "temperatures": (0.0, 0.2), "logprob_threshold": -1.0}


class LaunchCounter(TorchDispatchMode):
    """Counts by name what is launched `beside` the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.beside: collections.Counter[str] = collections.Counter()
        self._is_paused = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A recording launches nothing."""
        before, self._is_paused = self._is_paused, True
        yield
        self._is_paused = before

    def add(self, name: str) -> None:
        self.beside[name] += not self._is_paused

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        del types
        named = named or {}
        if function._schema.name != FUSED:
            with self:  # what it is made of, if it is made of others
                result = function.decompose(*arguments, **named)
            if result is not NotImplemented:
                return result
        result = function(*arguments, **named)
        if _is_launched(function, tensors_in((arguments, named)), tensors_in(result)):
            self.add(function._schema.name)
        return result


def _is_launched(function, given, made):
    if not any(one.device.type == "meta" for one in (*given, *made)):
        return False  # on the host
    is_new = {storage_of(one) for one in made} - {storage_of(one) for one in given}
    return bool(
        (is_new or function._schema.is_mutable)
        and not function._schema.name.startswith(NO_WORK)
        and any(one.numel() for one in made)
    )


class CountingRecorder:
    """A `Recorder` whose replays are one launch each."""

    def __init__(self, counter: LaunchCounter) -> None:
        self._counter = counter

    def record(self, body: Callable[[], None]) -> Callable[[], None]:
        with self._counter.paused():
            body()
        return lambda: self._counter.add("replay")

    def forget(self) -> None:
        pass


class MadeUp:
    """The engine's batch on a device without numbers. Steps do nothing; the rest is counted.

    `options` of all windows.
    """

    def __init__(
        self, model, num_slots: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._options = options
        self.counter = LaunchCounter()
        counter = self.counter
        recorder = CountingRecorder(counter)
        for module in (slots, prefill, word_timing):
            monkeypatch.setattr(module, "runner_for", lambda *_, **__: RecordingRunner(recorder))

        def done(slot_group, look):
            (table,) = (one for one in self.batch._tables.values() if one.slot_group is slot_group)
            asked = {id(slot) for slot in look.slots.values()}
            longest = {at: one.options.sample_len for at, one in table.running.items()}
            slots_of = {at: slot_group._slots[at] for at in sorted(longest, reverse=True)}
            return [
                at
                for at, slot in slots_of.items()
                if id(slot) in asked and slot.steps >= longest[at]
            ]

        def to_host(tensor):
            counter.add("to the host")
            return torch.zeros(tensor.shape, dtype=tensor.dtype)

        monkeypatch.setattr(token_steps.TokenSteps, "_take_tokens", lambda *_: None)
        monkeypatch.setattr(SlotGroup, "done", done)
        for module in (transfer, prefill):
            monkeypatch.setattr(module, "to_host", to_host)
        monkeypatch.setattr(slot_table, "best_hypothesis", lambda *_: SPOKEN)
        self.batch = Batch(model, num_slots)

    def decode(self, clip: Clip, lengths: list[int]) -> None:
        """As the engine does: windows of so many tokens, admitted as it admits them."""
        left = [
            WindowRequest(clip, DecodingOptions(sample_len=one, **self._options)) for one in lengths
        ]
        batch = self.batch
        with torch.inference_mode(), self.counter:
            while left or len(batch):
                few = [left.pop(0) for _ in range(min(batch.admissible, len(left)))]
                batch.admit(few)
                batch.step()

    def beside_steps(self, clip: Clip, lengths: list[int]) -> float:
        """Launches a window beside its steps, when there is memory and all recordings are made."""
        for _ in range(ROUNDS_BEFORE):
            self.decode(clip, lengths)
        self.counter.beside.clear()
        self.decode(clip, lengths)
        return sum(self.counter.beside.values()) / len(lengths)


def launches_of_a_step(model, monkeypatch: pytest.MonkeyPatch, *, has_triton: bool) -> int:
    """Of one for some windows, as on a card with or without kernels in Triton."""
    counter = LaunchCounter()
    monkeypatch.setattr(step_attention, "supports_unmasked", lambda _query: True)
    if has_triton:
        _put_kernels(counter, monkeypatch)
    slot_group, prefiller = SlotGroup(model, 5, 4), Prefiller(model, 4)
    requests = [WindowRequest(noise(at, 2), DecodingOptions(language="en")) for at in range(4)]
    places = [slot_group.reserve() for _ in requests]
    plan = Plan(5, 5, 20, 0.0, has_timestamps=True)
    with torch.inference_mode():
        prefiller.prompt(prefiller.encode(requests, slot_group, places))
        slot_group.enter([(one.take_prefilled(), plan) for one in requests])
        slot_group.step()
        counter.beside.clear()
        with counter:
            slot_group.step()
    return sum(counter.beside.values())


def _put_kernels(counter: LaunchCounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that compute nothing and are one launch each."""

    def attend_once(query, _keys, _values, _mask=None):
        counter.add("attend_once")
        return query.new_empty(len(query), query.shape[2], query.shape[1] * query.shape[3])

    def add_and_norm_once(x, *_):
        counter.add("add_and_norm_once")
        return torch.empty_like(x), torch.empty_like(x)

    def block_maxima_and_logsumexp(logits, length):
        counter.add("block_maxima_and_logsumexp_once")
        blocks = length // logsumexp.BLOCK
        return logits.new_empty(*logits.shape[:-1], blocks), logits.new_empty(logits.shape[:-1])

    kernels = {"step_attention": attend_once, "add_norm": add_and_norm_once}
    for name, kernel in kernels.items():
        module = importlib.import_module(f"decoding.kernels.{name}")
        monkeypatch.setattr(module, "is_for_triton", lambda _tensor: True)
        made = SimpleNamespace(**{kernel.__name__: kernel})
        monkeypatch.setitem(sys.modules, f"{module.__name__}_triton", made)
    monkeypatch.setattr(logit_rules, "block_maxima_and_logsumexp", block_maxima_and_logsumexp)


def lengths_of(count: int, *, alike: bool) -> list[int]:
    """Tokens of so many windows: all the same, or each another than the last."""
    return [8] * count if alike else list(itertools.islice(itertools.cycle(range(4, 20)), count))
