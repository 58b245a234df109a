"""How much is done at once around the token loop, by device.

Decides nothing about the loop itself: how many windows step together is a matter of slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class BatchingPolicy:
    """`prefill_batch`: windows prefilled in one call, and at most on their way to a slot, so that
    nobody's cancel waits for many. `prefill_ahead`: of these, windows for which no slot is free
    yet. `alignment_batch`: windows whose words are timed in one call. `steps_between_checks`: after
    so many the device is asked which windows are done. `finishes_at_once`: a window is finished in
    the step that ends its search, not beside the next. `steps_between_entries`: so many are taken
    after a window got a slot before the prefill of the next one begins.
    """

    prefill_batch: int
    prefill_ahead: int
    alignment_batch: int
    steps_between_checks: int
    finishes_at_once: bool
    steps_between_entries: int = 0


# On the CPU a window's bits must not depend on its company. A product over many rows may be cut
# otherwise than over few, and padding changes the shapes: there each window is treated alone. It
# costs nothing either, because one window keeps a core busy. Windows that enter one behind the
# other leave so too: text comes steadily, where those that began together end together.
ALONE = BatchingPolicy(
    prefill_batch=1,
    prefill_ahead=0,
    alignment_batch=1,
    steps_between_checks=1,
    finishes_at_once=True,
    steps_between_entries=8,
)

# Elsewhere a call for one window leaves the device idle while the host prepares the next. The
# logits of a full context are 90 MB for one window of the largest models, its copied keys and
# values 245 MB: no more than a few are aligned at once. A look makes the host wait for all steps
# so far; a window that is done keeps its slot until then, 1.5 of its hundred steps on average.
# A prefill takes several steps, in which the slot of who left would be empty if nobody were
# ahead; but who comes early may no longer be overtaken by a shorter request.
TOGETHER = BatchingPolicy(
    prefill_batch=16,
    prefill_ahead=4,
    alignment_batch=4,
    steps_between_checks=4,
    finishes_at_once=False,
)


def batching_policy_for(device: torch.device) -> BatchingPolicy:
    """The policy for a device."""
    return ALONE if device.type == "cpu" else TOGETHER
