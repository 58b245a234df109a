"""One pass over the text part of the logits, against the library's many."""

from __future__ import annotations

import pytest
import torch

from decoding.kernels.logsumexp import BLOCK, block_maxima_and_logsumexp
from tests.decoding.kernels.interpreted import needs_triton

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


@needs_triton
@pytest.mark.parametrize("length", [1, 63, 64, 1000, 50_257])
def test_the_kernel_for_cards_finds_the_same(interpreted: None, length: int) -> None:
    from decoding.kernels.logsumexp_triton import block_maxima_and_logsumexp_once

    logits = torch.randn(2, 2, length + 9) * 8
    logits[..., ::7] = float("-inf")
    logits[1, 1] = float("-inf")
    largest, total = block_maxima_and_logsumexp_once(logits, length, BLOCK)
    expected = block_maxima_and_logsumexp(logits, length)
    assert torch.equal(largest, expected[0])
    torch.testing.assert_close(total, expected[1], atol=4e-6, rtol=0)


@needs_triton
def test_the_kernel_for_cards_hides_no_nan(interpreted: None) -> None:
    from decoding.kernels.logsumexp_triton import block_maxima_and_logsumexp_once

    logits = torch.zeros(1, 3, 200)
    logits[0, 1, 70], logits[0, 2, 195] = float("nan"), float("nan")  # one is left over
    _, total = block_maxima_and_logsumexp_once(logits, 200, BLOCK)
    assert total.isnan().tolist() == [[False, True, True]]
