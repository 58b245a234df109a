"""How much is done at once around the token loop, by device.

Decides nothing about the loop itself: how many windows step together is a matter of slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class BatchingPolicy:
    """`prefill_batch`: windows prefilled in one call. `prefills_under_way`: windows at most on
    their way to a slot, so that nobody's cancel waits for many. `alignment_batch`: windows whose
    words are timed in one call. `steps_between_checks`: after so many the device is asked which
    windows are done. `judged_beside_a_step`: windows at most that are judged while it takes one,
    with what it told before; 0: it is waited for, and all that are done are judged.
    `finishes_at_once`: a window is finished in the step that ends its search, not beside the next.
    `steps_between_entries`: so many are taken after a window got a slot before the prefill of the
    next one begins.
    """

    prefill_batch: int
    prefills_under_way: int
    alignment_batch: int
    steps_between_checks: int
    finishes_at_once: bool
    judged_beside_a_step: int = 0
    steps_between_entries: int = 0


# On the CPU a window's bits must not depend on its company. A product over many rows may be cut
# otherwise than over few, and padding changes the shapes: there each window is treated alone. It
# costs nothing either, because one window keeps a core busy. Windows that enter one behind the
# other leave so too: text comes steadily, where those that began together end together.
ALONE = BatchingPolicy(
    prefill_batch=1,
    prefills_under_way=1,
    alignment_batch=1,
    steps_between_checks=1,
    finishes_at_once=True,
    steps_between_entries=4,
)

# Elsewhere a call for one window leaves the device idle while the host prepares the next. The
# logits of a full context are 90 MB for one window of the largest models, its copied keys and
# values 245 MB: no more than a few are aligned at once. Those who enter together leave together
# if they are of one length, and then nothing is left to step beside their successors' prefill:
# they come in parts, each of which begins as soon as it can, and go in parts. Were the device asked
# and waited for, it would idle until the host has drawn its conclusions; so a window that is done
# keeps its slot for two or three steps of its hundred. Nobody is prefilled without a slot: the
# place that it would wait in costs memory and the time of each step, as a slot does. Figures:
# benchmarks/results/2026-11-29-flow.md.
TOGETHER = BatchingPolicy(
    prefill_batch=8,
    prefills_under_way=16,
    alignment_batch=4,
    steps_between_checks=2,
    finishes_at_once=False,
    judged_beside_a_step=2,
)


def batching_policy_for(device: torch.device) -> BatchingPolicy:
    """The policy for a device."""
    return ALONE if device.type == "cpu" else TOGETHER
