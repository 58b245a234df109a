"""The decoder's linear layers in single precision: right for any shape, company and threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from decoding.kernels.openmp import MOST_ROWS_TOGETHER
from decoding.kernels.panel_linear import PanelLinear

pytestmark = pytest.mark.instructions


@pytest.fixture(autouse=True, params=[1, 2, 3])
def _threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def whole(*size: int) -> Tensor:
    """Small whole numbers, whose products single precision holds exactly in any order."""
    return torch.randint(-9, 10, size).float()


@pytest.mark.parametrize("rows", [1, 4, 5, 9, MOST_ROWS_TOGETHER, MOST_ROWS_TOGETHER + 1, 250])
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (64, 64), (65, 3), (33, 386), (1000, 84)])
@pytest.mark.parametrize("has_bias", [True, False])
def test_any_shape_is_multiplied(outputs: int, inputs: int, rows: int, has_bias: bool) -> None:
    weight, x = whole(outputs, inputs), whole(rows, inputs)
    bias = whole(outputs) if has_bias else None
    expected = x.double() @ weight.double().t() + (0 if bias is None else bias)
    found = PanelLinear(weight, bias)(x)
    assert torch.equal(found.double(), expected)


def test_sums_are_near() -> None:
    """Numbers of about one, 2,048 products of them: a sum of about 45."""
    weight, bias, x = torch.randn(512, 2048), torch.randn(512), torch.randn(5, 2048)
    exact = torch.nn.functional.linear(x.double(), weight.double(), bias.double())
    assert (PanelLinear(weight, bias)(x) - exact).abs().max() < 1e-3


def test_rows_are_the_same_in_any_company() -> None:
    linear, x = PanelLinear(torch.randn(65, 84), torch.randn(65)), torch.randn(130, 84)
    together = linear(x)
    for count in (1, 4, 6, 63, 64, 65, 129):
        assert torch.equal(linear(x[:count]), together[:count]), count


def test_no_number_stays_in_its_row() -> None:
    x = torch.randn(9, 84)
    x[3, 70] = float("nan")
    x[6, 1] = float("inf")
    found = PanelLinear(torch.ones(65, 84), None)(x)
    assert found.isnan().all(1).tolist() == [row == 3 for row in range(9)]
    assert found.isinf().all(1).tolist() == [row == 6 for row in range(9)]


def test_rows_may_lie_apart() -> None:
    weight, x = whole(70, 64), whole(2, 5, 128)
    assert torch.equal(PanelLinear(weight, None)(x[..., ::2]), x[..., ::2] @ weight.t())


@pytest.mark.parametrize(
    "x", [torch.zeros(5, 65), torch.zeros(5, 63), torch.zeros(5, 64).bfloat16()]
)
def test_what_does_not_fit_is_refused(x: Tensor) -> None:
    with pytest.raises(ValueError, match="float32"):
        PanelLinear(torch.zeros(70, 64), None)(x)


def test_no_rows_give_none() -> None:
    assert PanelLinear(torch.zeros(70, 64), None)(torch.zeros(2, 0, 64)).shape == (2, 0, 70)
