"""Muon for matrices, AdamW for the rest, averaged weights, and the path of the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.muon import Muon

WARM_UP_STEPS = 80
LOWEST_RATE = 0.02  # of the peak, at the end
AVERAGE_DECAY = 0.998
CLIP = 1.0
HEADS = ("phoneme_head", "frame_word")


@dataclass(frozen=True, slots=True)
class Rate:
    """Learning rate: `peak`, held until the last `decay` share of the run, then falling."""

    peak: float = 1.5e-3
    decay: float = 0.45

    def at(self, step: int, progress: float) -> float:
        """The rate at `step` when `progress`, 0 to 1, of the run is done."""
        warm = min(1.0, (step + 1) / WARM_UP_STEPS)
        left = (1.0 - progress) / self.decay
        return self.peak * warm * min(1.0, max(LOWEST_RATE, left))


class Optimiser:
    """Both optimisers as one."""

    def __init__(self, model: nn.Module) -> None:
        matrices: list[Tensor] = []
        embeddings: list[Tensor] = []
        others: list[Tensor] = []
        for name, weight in model.named_parameters():
            if "embedding" in name:
                embeddings.append(weight)
            elif weight.dim() == 2 and not name.startswith(HEADS):
                matrices.append(weight)
            else:
                others.append(weight)
        groups: list[dict[str, Any]] = [
            {"params": others},
            {"params": embeddings, "weight_decay": 0.0},
        ]
        self._weights = [*matrices, *embeddings, *others]
        self._parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01),
            Muon(matrices, weight_decay=0.05, iterations=4),
        )

    def step(self, loss: Tensor, rate: float) -> float:
        """One step down `loss`; returns the length of the gradient before clipping."""
        for part in self._parts:
            part.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        length = float(torch.nn.utils.clip_grad_norm_(self._weights, CLIP))
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
        return length

    def state(self) -> list[dict[str, object]]:
        return [part.state_dict() for part in self._parts]

    def restore(self, state: list[dict[str, object]]) -> None:
        for part, saved in zip(self._parts, state, strict=True):
            part.load_state_dict(saved)


class Average:
    """Running average of a model's weights; measures better than the last step's weights."""

    def __init__(self, model: nn.Module) -> None:
        self.weights = {name: value.clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(AVERAGE_DECAY, (step + 1) / (step + 10))
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1 - decay)
