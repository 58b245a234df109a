"""A few rows by weights of 8 bits: the same bits as any other product of the same numbers."""

from __future__ import annotations

import pytest
import torch

from decoding.kernels.int8_linear import MOST_ROWS_BESIDE_TILES, Int8Linear

pytestmark = pytest.mark.instructions


def both(outputs: int, inputs: int) -> tuple[Int8Linear, Int8Linear]:
    """A layer that takes few rows in its own way, and one that does not."""
    torch.manual_seed(outputs + inputs)
    weight, bias = torch.randn(outputs, inputs), torch.randn(outputs)
    return Int8Linear(weight, bias, takes_few_rows=True), Int8Linear(weight, bias)


@pytest.mark.parametrize("rows", [1, 4, 5, 6, 10])
@pytest.mark.parametrize(("outputs", "inputs"), [(64, 64), (96, 70), (33, 384), (1152, 384)])
def test_few_rows_give_the_bits_of_many(rows: int, outputs: int, inputs: int) -> None:
    own, library = both(outputs, inputs)
    x = torch.randn(1, rows, inputs) * 3
    assert torch.equal(own(x), library(x))
    many = torch.cat([x, torch.randn(1, MOST_ROWS_BESIDE_TILES, inputs)], 1)
    assert torch.equal(own(many)[:, :rows], own(x))


def test_rows_may_lie_apart() -> None:
    own, library = both(64, 64)
    x = torch.randn(1, 5, 128)[..., ::2]
    assert torch.equal(own(x), library(x.contiguous()))


def test_a_number_that_is_none_spoils_its_own_row_alone() -> None:
    own, _ = both(64, 64)
    x = torch.randn(3, 64)
    clean = own(x)
    x[1, 5] = float("nan")
    found = own(x)
    assert found[1].isnan().all()
    assert torch.equal(found[::2], clean[::2])


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing(threads: int) -> None:
    own, library = both(1536, 384)
    x, before = torch.randn(1, 5, 384), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert torch.equal(own(x), library(x))
    finally:
        torch.set_num_threads(before)
