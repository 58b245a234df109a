"""Our Muon takes the steps of torch's, in whichever numbers."""

import pytest
import torch

from training import muon
from training.muon import Muon, equalised


@pytest.mark.parametrize("shape", [(24, 8), (8, 24), (16, 16)])
@pytest.mark.parametrize(("is_quick", "off"), [(True, 1e-5), (False, 0.04)])
def test_steps_are_those_of_torch(
    shape: tuple[int, int], is_quick: bool, off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muon, "is_quick_at_bfloat16", lambda device: is_quick)
    torch.manual_seed(0)
    ours = torch.nn.Parameter(torch.randn(shape))
    theirs = torch.nn.Parameter(ours.detach().clone())
    mine = Muon([ours], weight_decay=0.05, iterations=4)
    reference = torch.optim.Muon(
        [theirs], weight_decay=0.05, adjust_lr_fn="match_rms_adamw", ns_steps=4
    )
    start = ours.detach().clone()
    for _ in range(3):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        for optimiser in (mine, reference):
            optimiser.param_groups[0]["lr"] = 0.01
            optimiser.step()
    moved = (ours - start).abs().max().item()
    assert moved > 0.01
    torch.testing.assert_close(ours, theirs, rtol=0, atol=off * moved)


@pytest.mark.parametrize("shape", [(24, 8), (8, 24)])
def test_every_direction_becomes_about_equally_long(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    matrix = torch.randn(shape)
    before, after = torch.linalg.svdvals(matrix), torch.linalg.svdvals(equalised(matrix, 5).float())
    assert before.max() / before.min() > 2.0
    assert 0.6 < after.min() <= after.max() < 1.3


def test_a_matrix_of_zeros_stays() -> None:
    assert not equalised(torch.zeros(3, 2), 4).any()


def test_what_has_no_gradient_is_left_alone_and_state_is_restored() -> None:
    matrix = torch.nn.Parameter(torch.ones(2, 3))
    optimiser = Muon([matrix], weight_decay=0.1, iterations=4)
    optimiser.param_groups[0]["lr"] = 0.1
    optimiser.step()
    assert torch.equal(matrix, torch.ones(2, 3))
    matrix.grad = torch.ones(2, 3)
    optimiser.step()
    again = Muon([matrix], weight_decay=0.1, iterations=4)
    again.load_state_dict(optimiser.state_dict())
    torch.testing.assert_close(again.state[matrix], optimiser.state[matrix])
