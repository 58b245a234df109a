"""What exact equality between batch sizes rests on, checked on the machine at hand."""

from __future__ import annotations

import pytest
import torch

from decoding.layers import ROWS_OF_A_PART, FloatLinear, PackedLinear, packs
from decoding.text_decoder import SUM_POSITIONS, weighted_sum


@pytest.fixture(autouse=True, params=[1, 2, 3, 8])
def _threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


needs_packing = pytest.mark.skipif(not packs(torch.zeros(1)), reason="not an x86 CPU with oneDNN")
KINDS = [FloatLinear, pytest.param(PackedLinear, marks=needs_packing)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("inner", "outer"), [(64, 192), (192, 768), (768, 192), (384, 5000)])
def test_a_row_of_a_product_does_not_depend_on_its_neighbours(kind, inner, outer):
    linear = kind(torch.randn(outer, inner), torch.randn(outer))
    rows = torch.randn(48, inner)
    whole = linear(rows)
    for count in (1, 2, 3, ROWS_OF_A_PART, 5, 7, 8, 10, 15, 16, 17, 40):
        for start in (0, 3, 8):
            part = linear(rows[start : start + count].clone())
            assert torch.equal(part, whole[start : start + count])


@needs_packing
def test_packed_weights_give_the_same_product():
    weight, bias, rows = torch.randn(5000, 384), torch.randn(5000), torch.randn(40, 384)
    product = PackedLinear(weight, bias)(rows)
    assert torch.allclose(product, torch.nn.functional.linear(rows, weight, bias), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_few_rows_keep_their_shape(kind):
    linear = kind(torch.randn(6, 4), None)
    assert linear(torch.randn(1, 1, 4)).shape == (1, 1, 6)
    assert linear(torch.randn(1, 9, 4)).shape == (1, 9, 6)


@pytest.mark.parametrize("seen", [40, 150, 300, 700])
def test_attention_does_not_depend_on_unseen_positions(seen):
    values = torch.randn(4, 2, 1024, 64)
    scores = torch.randn(4, 2, 5, 1024)
    scores[..., seen:] = float("-inf")
    fewest = -(-seen // SUM_POSITIONS) * SUM_POSITIONS
    expected = weighted_sum(scores[..., :fewest].softmax(-1), values[:, :, :fewest])
    for length in range(fewest, 1025, SUM_POSITIONS):
        read = weighted_sum(scores[..., :length].softmax(-1), values[:, :, :length])
        assert torch.equal(read, expected)
        one = weighted_sum(scores[:1, ..., :length].softmax(-1), values[:1, :, :length])
        assert torch.equal(one, expected[:1])
