"""What exact equality between batch sizes rests on, checked on the machine at hand."""

from __future__ import annotations

import pytest
import torch

from decoding.kernels.int8_linear import Int8Linear
from decoding.kernels.panel_linear import PanelLinear
from decoding.model.layers import FloatLinear, PackedLinear, has_bfloat16, packs
from decoding.model.text_decoder import SUM_POSITIONS, weighted_sum

pretended = pytest.mark.instructions


@pytest.fixture(
    autouse=True, params=[pytest.param(1, marks=pretended), 2, pytest.param(3, marks=pretended), 8]
)
def _threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


needs_packing = pytest.mark.skipif(not packs(torch.zeros(1)), reason="not an x86 CPU with oneDNN")
KINDS = [FloatLinear, Int8Linear, PanelLinear, pytest.param(PackedLinear, marks=needs_packing)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("inner", "outer"), [(64, 192), (384, 5001), (1536, 384), (2048, 512)])
def test_a_window_does_not_depend_on_its_neighbours(kind, inner, outer):
    """Steps of one beam and of several, and prompts: what a window's rows can be."""
    linear = kind(torch.randn(outer, inner), torch.randn(outer))
    for rows in (1, 2, 3, 5, 16, 30)[kind is PackedLinear :]:  # it is for whole windows
        windows = torch.randn(9, rows, inner)
        whole = linear(windows)
        assert whole.shape == (9, rows, outer)
        for count in (1, 2, 3, 4, 5, 8):
            for start in (0, 1):
                part = linear(windows[start : start + count].clone())
                assert torch.equal(part, whole[start : start + count]), (rows, count)


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize(("inner", "outer"), [(192, 768), (384, 5000), (1536, 384), (5120, 1280)])
def test_a_row_does_not_depend_on_its_neighbours(kind, inner, outer):
    """More than is promised: rows of other windows, at any place."""
    linear = kind(torch.randn(outer, inner), torch.randn(outer))
    rows = torch.randn(1, 48, inner)
    whole = linear(rows)
    for count in (1, 2, 3, 4, 5, 7, 8, 10, 15, 16, 17, 40)[kind is PackedLinear :]:
        for start in (0, 3, 8):
            part = linear(rows[:, start : start + count].clone())
            assert torch.equal(part, whole[:, start : start + count])


def test_halves_are_the_librarys():
    halves = FloatLinear(torch.ones(2, 4).bfloat16(), None)
    assert halves(torch.ones(1, 3, 4).bfloat16()).tolist() == [[[4.0, 4.0]] * 3]


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


@pytest.mark.parametrize(
    ("is_there", "held_to", "is_used"),
    [
        (True, None, True),
        (True, "AVX512_CORE_BF16", True),
        (True, "avx512_core_vnni", False),
        (True, "AVX2", False),
        (False, None, False),
    ],
)
def test_bfloat16_is_not_imitated(
    monkeypatch, is_there: bool, held_to: str | None, is_used: bool
) -> None:
    """oneDNN held to older instructions computes it a number at a time."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: is_there, raising=False)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if held_to:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", held_to)
    assert has_bfloat16() is is_used
