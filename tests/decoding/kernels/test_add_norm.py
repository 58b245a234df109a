"""A sum and its norm: our kernel through Triton's interpreter, and the way without it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from decoding.kernels.add_norm import add_and_norm
from tests.decoding.kernels.interpreted import needs_triton

EPSILON = 1e-5


def made(rows: int, width: int, dtype: torch.dtype):
    generator = torch.Generator().manual_seed(rows * 1000 + width)
    shapes = ((rows, 2, width), (rows, 2, width), (width,), (width,))
    x, added, weight, bias = (torch.randn(*one, generator=generator).to(dtype) for one in shapes)
    return x * 3 + 1, added, weight, bias


@pytest.fixture
def once(interpreted):
    from decoding.kernels.add_norm_triton import add_and_norm_once

    return add_and_norm_once


@needs_triton
@pytest.mark.parametrize(("rows", "width"), [(1, 64), (3, 384), (2, 1280)])
def test_the_kernel_is_a_sum_and_its_norm(once, rows, width):
    x, added, weight, bias = made(rows, width, torch.float32)
    total, normed = once(x, added, weight, bias, EPSILON)
    assert torch.equal(total, x + added)
    expected = F.layer_norm((x + added).double(), (width,), weight.double(), bias.double(), EPSILON)
    torch.testing.assert_close(normed.double(), expected, atol=2e-6, rtol=1e-5)


@needs_triton
def test_the_norm_is_that_of_the_sum_as_it_is_written(once):
    """Rounded to half precision first, as where two kernels do it. Not in bf16: the interpreter
    cuts it off where a card rounds."""
    dtype = torch.float16
    x, added, weight, bias = made(4, 384, dtype)
    total, normed = once(x, added, weight, bias, EPSILON)
    assert torch.equal(total, x + added)
    expected = F.layer_norm(total.float(), (384,), weight.float(), bias.float(), EPSILON)
    torch.testing.assert_close(normed, expected.to(dtype), atol=0, rtol=torch.finfo(dtype).eps)


def test_elsewhere_it_is_two_operations():
    x, added, weight, bias = made(2, 64, torch.float32)
    total, normed = add_and_norm(x, added, weight, bias, EPSILON)
    assert torch.equal(total, x + added)
    assert torch.equal(normed, F.layer_norm(x + added, (64,), weight, bias, EPSILON))
