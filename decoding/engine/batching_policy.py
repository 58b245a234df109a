"""How much is done at once around the token loop, by device.

Decides nothing about the loop itself: how many windows step together is a matter of slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Grouping:
    """`heard`: windows heard and prompted in one call, and at most on their way to a slot, so that
    nobody's cancel waits for many. `ahead`: of these, windows for which no slot is free yet.
    `aligned`: windows whose words are timed in one call. `steps_between_looks`: after so many the
    device is asked which windows are done. `departs_at_once`: a window is finished in the step
    that decides it, not beside the next.
    """

    heard: int
    ahead: int
    aligned: int
    steps_between_looks: int
    departs_at_once: bool


# On the CPU a window's bits must not depend on its company. A product over many rows may be cut
# otherwise than over few, and padding changes the shapes: there each window is treated alone. It
# costs nothing either, because one window keeps a core busy.
ALONE = Grouping(heard=1, ahead=0, aligned=1, steps_between_looks=1, departs_at_once=True)

# Elsewhere a call for one window leaves the device idle while the host prepares the next. The
# logits of a full context are 90 MB for one window of the largest models, its copied keys and
# values 245 MB: no more than a few are aligned at once. A look makes the host wait for all steps
# so far; a window that is done keeps its slot until then, 1.5 of its hundred steps on average.
# To be heard takes several steps, in which the slot of who left would be empty if nobody were
# ahead; but who comes early may no longer be overtaken by a shorter request.
TOGETHER = Grouping(heard=16, ahead=4, aligned=4, steps_between_looks=4, departs_at_once=False)


def grouping_for(device: torch.device) -> Grouping:
    """The grouping for a device. `TOGETHER` has not been run on CUDA yet, only forced on a CPU."""
    return ALONE if device.type == "cpu" else TOGETHER
