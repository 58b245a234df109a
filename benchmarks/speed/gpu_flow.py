"""Our engine in flow: is it faster than batch by batch, where is its thread, when does a card idle?

Times ours alone, within the process; equal work of all systems is `benchmarks.speed.rounds`'.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from benchmarks.speed.systems import sound
from benchmarks.speed.systems.ours import options_for
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model
from decoding.model.loaded_model import LoadedModel
from decoding.types import Clip

IN_FLOW: Final = 3  # batches one after the other, asked for at once
SAMPLE_SECONDS: Final = 0.0005
ENGINE_THREAD: Final = "decoding-engine"
SHOWN: Final = 12
GAPS: Final = ((5.0, "below 5"), (20.0, "below 20"), (100.0, "below 100"), (1000.0, "below 1000"))


class Flow:
    """An engine and a batch of windows for it, each of so many `tokens`."""

    def __init__(self, model: LoadedModel, batch: int, tokens: int) -> None:
        self.device, self.batch = model.device, batch
        self._engine = Engine(model, slots=batch)
        self._clips = [Clip(samples) for samples in sound.windows(batch)]
        self._options = options_for(model, tokens)

    def decode(self, batches: int = 1) -> float:
        """Seconds a window."""
        began = time.perf_counter()
        submit, options = self._engine.submit, self._options
        asked = [submit(clip, options) for _ in range(batches) for clip in self._clips]
        for future in asked:
            future.result()
        return (time.perf_counter() - began) / len(asked)

    def close(self) -> None:
        self._engine.close()


def lines(checkpoint: Path, device: str, batch: int, tokens: int, rounds: int) -> list[str]:
    """Speed in a batch and in flow, where the thread is, and what the card does meanwhile."""
    precision = "fp32" if device == "cpu" else "fp16"
    model = load_model(str(checkpoint), device=device, precision=precision)
    return [*_whole(model, batch, tokens, rounds), _in_eight_bits(model, batch, tokens, rounds)]


def _in_eight_bits(model: LoadedModel, batch: int, tokens: int, rounds: int) -> str:
    """The same in flow, with keys and values of the sound in 8 bits."""
    flow = Flow(replace(model, has_eight_bit_audio=True), batch, tokens)
    try:
        flow.decode(IN_FLOW)  # warm
        together = statistics.median(flow.decode(IN_FLOW) for _ in range(rounds))
    finally:
        flow.close()
    return (
        f"- {1000 * together:.2f} ms a window in {IN_FLOW} batches with keys and values of the "
        "sound in 8 bits"
    )


def _whole(model: LoadedModel, batch: int, tokens: int, rounds: int) -> list[str]:
    flow = Flow(model, batch, tokens)
    try:
        flow.decode(IN_FLOW)  # warm: recordings are made
        alone = statistics.median(flow.decode() for _ in range(rounds))
        together = statistics.median(flow.decode(IN_FLOW) for _ in range(rounds))
        told = [
            f"- {1000 * alone:.2f} ms a window with word times in a batch of {batch}, "
            f"{1000 * together:.2f} in {IN_FLOW} batches asked for at once"
        ]
        told += places_of_the_thread(lambda: flow.decode(IN_FLOW))
        return told + _gaps(flow)
    finally:
        flow.close()


def places_of_the_thread(work: Callable[[], object]) -> list[str]:
    """In which functions of `decoding` the engine's thread is while the work is done, sampled: of
    the engine that was opened last."""
    *_, thread = (one for one in threading.enumerate() if one.name == ENGINE_THREAD)
    inside, is_over = Counter[str](), threading.Event()
    samples = 0

    def watch() -> None:
        nonlocal samples
        while not is_over.wait(SAMPLE_SECONDS):
            inside.update(_functions(thread.ident or 0))
            samples += 1

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    work()
    is_over.set()
    watcher.join()
    return [
        f"- {count / max(samples, 1):.0%} of the time of the engine's thread in {name}"
        for name, count in inside.most_common(SHOWN)
    ]


def _functions(thread: int) -> set[str]:
    frame, names = sys._current_frames().get(thread), set()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if "decoding" in path.parts:
            names.add(f"{path.stem}.{frame.f_code.co_name}")
        frame = frame.f_back
    return names


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a card did, from when to when, in microseconds."""

    begin: float
    end: float
    name: str


def _gaps(flow: Flow) -> list[str]:
    if flow.device.type != "cuda":
        return [f"- {flow.device.type} has no kernels to look at"]
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        flow.decode()
        torch.cuda.synchronize(flow.device)
    kernels = [
        Kernel(one.time_range.start, one.time_range.end, one.name)
        for one in profiler.events() or ()
        if one.device_type.name != "CPU"
    ]
    return gap_lines(kernels, flow.batch)


def gap_lines(kernels: Sequence[Kernel], windows: int) -> list[str]:
    """How busy the card was, what took its time, and before what it idled."""
    busy, idle, before, lengths = Counter[str](), 0.0, Counter[str](), Counter[str]()
    until = min((one.begin for one in kernels), default=0.0)
    first = until
    for one in sorted(kernels, key=lambda one: one.begin):
        gap = one.begin - until
        if gap > 0:
            idle += gap
            before[one.name] += round(gap)
            lengths[next((name for most, name in GAPS if gap < most), "more")] += round(gap)
        busy[one.name] += round(one.end - one.begin)
        until = max(until, one.end)
    told = [
        f"- {len(kernels) / windows:.0f} kernels a window; of {(until - first) / 1000:.1f} ms the "
        f"card idled {idle / 1000:.1f}",
        *(
            f"- idle in gaps of {name} microseconds: {each / 1000:.1f} ms"
            for name, each in lengths.most_common()
        ),
    ]
    told += [
        f"- idle {each / 1000:.2f} ms before {name}" for name, each in before.most_common(SHOWN)
    ]
    return told + [
        f"- busy {each / 1000:.2f} ms in {name}" for name, each in busy.most_common(SHOWN)
    ]
