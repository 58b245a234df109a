"""How many operations a window costs beside its steps: the host must not keep a device waiting."""

from __future__ import annotations

import pytest
import torch

from decoding.loading.loader import load_model
from decoding.model.dimensions import Dimensions
from tests.decoding.launches import (
    ACCEPTED,
    TRIED_AGAIN,
    LaunchCounter,
    MadeUp,
    launches_of_a_step,
    lengths_of,
)
from tests.decoding.noise import noise
from tests.decoding.small_models import save, untrained

SLOTS = 4
TURBO = Dimensions(128, 1500, 64, 1, 32, 51_866, 448, 64, 1, 4)  # but for its width
LARGE = Dimensions(128, 1500, 64, 1, 32, 51_866, 448, 64, 1, 32)


MOST = 100


@pytest.mark.slow
@pytest.mark.parametrize("dims", [TURBO, LARGE])
@pytest.mark.parametrize("options", [ACCEPTED, TRIED_AGAIN])
@pytest.mark.parametrize("alike", [True, False])
def test_a_window_costs_few_launches_beside_its_steps(tmp_path, monkeypatch, dims, options, alike):
    """Windows that come and go together, and one by one: what can be recorded has been.

    From its samples to the times of its words, through every attempt.
    """
    model = load_model(str(save(untrained(dims), tmp_path / "model.pt")), device="meta")
    made_up = MadeUp(model, SLOTS, options, monkeypatch)
    clip, lengths = noise(1, 5), lengths_of(SLOTS if alike else 3 * SLOTS, alike=alike)
    launches = made_up.beside_steps(clip, lengths)
    assert launches <= MOST, made_up.counter.beside.most_common(30)


@pytest.mark.slow
@pytest.mark.parametrize(("has_triton", "a_layer"), [(False, 19), (True, 13)])
def test_a_layer_of_a_step_is_few_launches(tmp_path, monkeypatch, has_triton, a_layer):
    """In half precision: what 28 more layers cost."""
    launches = []
    for dims in (TURBO, LARGE):
        path = save(untrained(dims), tmp_path / f"{dims.n_text_layer}.pt")
        model = load_model(str(path), device="meta", precision="fp16")
        launches.append(launches_of_a_step(model, monkeypatch, has_triton=has_triton))
    assert launches[1] - launches[0] <= a_layer * (LARGE.n_text_layer - TURBO.n_text_layer)


def test_launches_are_counted():
    """One for what computes or copies; none for views, memory alone, and what the host does."""
    counter, there = LaunchCounter(), torch.zeros(4, 3, device="meta")
    with counter:
        there.view(12)[2:].add_(1)
        torch.empty(3, device="meta")
        torch.ones(3).mul_(2)
        torch.ones(3).to("meta")
        there.t().contiguous()
    assert counter.beside == {"aten::add_": 1, "aten::_to_copy": 1, "aten::clone": 1}
    with counter, counter.paused():
        there.add_(1)
    assert sum(counter.beside.values()) == 3
