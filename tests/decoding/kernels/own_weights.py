"""What is asked of our own loops over weights of 8 bits, whichever they are."""

from __future__ import annotations

import torch
from torch import Tensor

from decoding.kernels.int8_rows import quantise_rows_to_bytes
from decoding.kernels.int8_weights import WEIGHTS, Routine


def check_shapes(routine: Routine, rows: int, outputs: int, inputs: int, threads: int) -> None:
    """Rows as different as they come, one of them NaN, are multiplied exactly."""
    given, x = _weight(outputs, inputs), _rows(rows, inputs)
    expected = _exact(given, x)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        found = _product(routine, given, x)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert found.isnan().all(1).tolist() == [row == 3 for row in range(rows)]


def check_company(routine: Routine, rows: int) -> None:
    """Any first rows are the same without those behind them."""
    given, x = _weight(65, 84), _rows(rows, 84)
    together = _product(routine, given, x)
    for count in (1, 4, 6, 63, 64, 65, 129):
        alone = _product(routine, given, x[:count])
        torch.testing.assert_close(alone, together[:count], rtol=0, atol=0, equal_nan=True)


def check_strides(routine: Routine) -> None:
    given, x = _weight(64, 64), _rows(5, 128)[:, ::2]
    expected = _exact(given, x.contiguous())
    torch.testing.assert_close(
        _product(routine, given, x), expected, rtol=0, atol=0, equal_nan=True
    )


def _weight(outputs: int, inputs: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(outputs)
    weight = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8)
    return weight, torch.rand(outputs) + 0.01, torch.randn(outputs)


def _rows(count: int, inputs: int) -> Tensor:
    x = torch.randn(count, inputs) * torch.logspace(-3, 3, count)[:, None]
    x[3:4] = float("nan")
    return x


def _exact(given: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
    """The products of the same whole numbers; older processors' libraries have them of 7 bits."""
    weight, scale, bias = given
    steps, scales = quantise_rows_to_bytes(x)
    exact = (steps.double() @ weight.double().t()).float()
    return exact * scale * scales[:, None] + bias


def _product(routine: Routine, given: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
    result = torch.full((len(x), len(given[0])), 7.0)
    WEIGHTS[routine](*given).multiply(x, result)
    return result
