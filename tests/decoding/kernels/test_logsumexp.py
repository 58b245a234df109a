"""One pass over the text part of the logits, against the library's many."""

from __future__ import annotations

import pytest
import torch

from decoding.kernels.logsumexp import BLOCK, block_maxima_and_logsumexp

pytestmark = pytest.mark.instructions


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("length", [1, 63, 64, 1000, 50_257])
@pytest.mark.parametrize("rows", [(1, 1), (2, 5)])
def test_same_as_the_library(rows: tuple[int, int], length: int) -> None:
    logits = torch.randn(*rows, length + 9) * 8
    logits[..., ::7] = float("-inf")
    largest, total = block_maxima_and_logsumexp(logits, length)
    blocks = length // BLOCK
    assert torch.allclose(total, logits[..., :length].logsumexp(-1), atol=2e-6)
    for block in range(min(blocks, 5)):
        assert torch.equal(
            largest[..., block], logits[..., block : blocks * BLOCK : blocks].amax(-1)
        )


def test_other_types_and_devices_are_the_librarys() -> None:
    logits = torch.randn(2, 5, 1000)
    largest, total = block_maxima_and_logsumexp(logits, 900)
    wide = block_maxima_and_logsumexp(logits.double(), 900)
    assert torch.equal(wide[0].float(), largest)
    assert torch.allclose(wide[1].float(), total, atol=2e-6)


def test_neighbours_change_nothing() -> None:
    logits = torch.randn(4, 5, 3000)
    largest, total = block_maxima_and_logsumexp(logits, 2900)
    for at in range(4):
        alone = block_maxima_and_logsumexp(logits[at : at + 1], 2900)
        assert torch.equal(alone[0][0], largest[at])
        assert torch.equal(alone[1][0], total[at])


def test_nothing_possible_and_no_numbers() -> None:
    logits = torch.full((1, 2, 200), float("-inf"))
    logits[0, 1, 70] = float("nan")
    largest, total = block_maxima_and_logsumexp(logits, 200)
    assert (largest == float("-inf")).all()
    assert total[0, 0] == float("-inf")
    assert total[0, 1].isnan()
