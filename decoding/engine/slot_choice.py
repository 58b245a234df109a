"""How many windows are decoded at once: of as many as memory holds, those that are quickest.

On CUDA steps of several sizes are timed before the first window comes: more windows share the work
of a step only until the card is full, and memory does not tell when. Decides nothing on the CPU,
where the number is fixed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from decoding.device.cuda_graphs import Runner, runner_for
from decoding.engine.memory import CPU_SLOTS, TYPICAL_BEAMS, release_cached, slots_for
from decoding.engine.slot_memory import SlotMemory
from decoding.engine.token_steps import TokenSteps
from decoding.model.loaded_model import LoadedModel

COUNTS = (8, 16, 24, 32, 48, 64)  # of windows in a step; shapes that are recorded anyway
POSITIONS = 256  # that a step sees: half of a window's tokens, five beams
UNTIMED, TIMED = 3, 5  # steps of a count: run plainly, recorded, replayed; then timed
MOST_SECONDS = 1.5  # for all counts; of those that it does not suffice for, none is taken
AS_QUICK = 1.03  # of two numbers that differ less in time the smaller, which takes less memory


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """`slots` windows at once, and why, in a sentence for the log."""

    slots: int
    reason: str


def choose_slots(model: LoadedModel) -> SlotChoice:
    """The number for a model on its device, which is measured where that is CUDA."""
    most, device = slots_for(model), model.device
    if device.type != "cuda":
        return SlotChoice(most, told_before(str(device), None))
    try:
        seconds = time_steps(model, _counts_up_to(most))
    except torch.OutOfMemoryError:
        release_cached(device)
        reason = f"{device} decodes {most} windows at once: memory ran out before steps were timed"
        return SlotChoice(most, reason)
    finally:
        release_cached(device)
    return quickest(seconds, most, str(device))


def told_before(device: str, given: int | None) -> str:
    """How the number will be chosen, before anything is loaded; `given` by a user."""
    if given is not None:
        return f"{device} decodes {given} windows at once, as LONGFORM_SLOTS says"
    if not device.startswith("cuda"):
        return f"{device} decodes {CPU_SLOTS} windows at once: more are no quicker on a processor"
    return (
        f"{device} decodes as many windows at once as its steps are quickest with, of those that "
        "its memory holds: timed when the model is loaded, and told in the log"
    )


def quickest(seconds: Mapping[int, float], most: int, device: str) -> SlotChoice:
    """The smallest count that gives as many windows a second as the best, of those whose step was
    timed; memory holds `most`."""
    best = min(step / count for count, step in seconds.items())
    slots = min(count for count, step in seconds.items() if step / count <= AS_QUICK * best)
    timed = ", ".join(f"{count}: {1000 * step:.2f}" for count, step in sorted(seconds.items()))
    return SlotChoice(
        slots,
        f"{device} decodes {slots} windows at once, of {most} that its memory holds: none of these "
        f"gives {AS_QUICK - 1:.0%} more a second (milliseconds of a step by windows: {timed})",
    )


def _counts_up_to(most: int) -> Sequence[int]:
    return [*(count for count in COUNTS if count < most), most]


def time_steps(
    model: LoadedModel,
    counts: Sequence[int],
    *,
    runner: Runner | None = None,
    now: Callable[[], float] = time.perf_counter,
) -> dict[int, float]:
    """Seconds of a step of so many windows, from the smallest count on while there is time; one at
    least. Memory is taken for the largest, and let go."""
    runner = runner or runner_for(model.device, cuda_graphs=model.cuda_graphs)
    memory = SlotMemory(model, TYPICAL_BEAMS)
    with torch.inference_mode():
        memory.grow(max(counts), POSITIONS)
        memory.leave(range(max(counts)))  # nobody is there, and all is done as if somebody were
        steps = TokenSteps(model, memory, max(counts), runner)
        bias = [model.decoder.columns.plain_bias]

        def take(count: int, times: int) -> float:
            began = now()
            for _ in range(times):
                steps.take(count, POSITIONS, bias, ())
            _wait_for(model.device)
            return (now() - began) / times

        take(min(counts), UNTIMED)  # what is compiled or loaded with the first step is no step's
        seconds: dict[int, float] = {}
        began = now()
        for count in sorted(counts):
            if seconds and now() - began > MOST_SECONDS:
                break
            take(count, UNTIMED)
            seconds[count] = take(count, TIMED)
    runner.forget()
    return seconds


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
