"""Muon: momentum whose step is equally long in every direction that a matrix has.

It takes the steps of `torch.optim.Muon` with rates matched to AdamW's, and keeps the same state.
Only the numbers differ: torch's own always iterates in bfloat16, which on a processor without
instructions for it costs more than the rest of a training step; this one asks the device.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from training.precision import is_quick_at_bfloat16

QUINTIC = (3.4445, -4.775, 2.0315)  # of Newton and Schulz's iteration, steep where it starts
MATCHED_RATE = 0.2  # makes a step as long as AdamW's would be, times the root of the longer side
LEAST_NORM = 1e-7
BUFFER = "momentum_buffer"


class Muon(torch.optim.Optimizer):
    """For matrices alone; the rate is set in `param_groups` before each step."""

    def __init__(
        self,
        matrices: Iterable[Tensor],
        *,
        weight_decay: float,
        iterations: int,
        momentum: float = 0.95,
    ) -> None:
        defaults = {"lr": 0.0, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(matrices, defaults)
        self._iterations = iterations

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure is taken
        """One step down the gradients."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._move(matrix, matrix.grad, group)

    def _move(self, matrix: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[matrix]
        if BUFFER not in state:
            state[BUFFER] = torch.zeros_like(matrix)
        buffer: Tensor = state[BUFFER]
        buffer.lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(buffer, group["momentum"])
        direction = equalised(ahead, self._iterations)
        rate = group["lr"]
        matrix.mul_(1 - rate * group["weight_decay"])
        matrix.add_(direction, alpha=-rate * MATCHED_RATE * math.sqrt(max(matrix.shape)))


def equalised(matrix: Tensor, iterations: int) -> Tensor:
    """`matrix` with its singular values brought near one, its singular vectors kept."""
    first, third, fifth = QUINTIC
    is_tall = matrix.shape[0] > matrix.shape[1]
    numbers = torch.bfloat16 if is_quick_at_bfloat16(matrix.device) else torch.float32
    wide = (matrix.T if is_tall else matrix).to(numbers)
    wide = wide / wide.norm().clamp(min=LEAST_NORM)
    for _ in range(iterations):
        gram = wide @ wide.T
        bend = torch.addmm(gram, gram, gram, beta=third, alpha=fifth)
        wide = torch.addmm(wide, bend, wide, beta=first)
    return wide.T if is_tall else wide
