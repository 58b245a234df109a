"""Linear layers with 8-bit weights for the CPU.

Weights have one scale for each output, activations one for each row, found as it comes: a row's
result does not depend on the rows beside it, and products of whole numbers are exact, so that a
window alone and in any batch gives the same bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from decoding.kernels.int8_choice import few_rows_beside, kind_for
from decoding.kernels.int8_rows import LARGEST, SMALLEST_SCALE
from decoding.kernels.int8_weights import WEIGHTS

ROWS_AT_ONCE = 250  # what is written between two products stays in the core's own cache


class Int8Linear:
    """x [..., in] -> [..., out] in x's type, with weights kept as int8.

    `takes_few_rows`: small weights are kept a second time for steps of a few rows, if that pays.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, *, takes_few_rows: bool = False
    ) -> None:
        whole = weight.float()
        kind = kind_for(whole)
        scale = scale_of(whole, kind.largest)
        added = torch.zeros(len(whole)) if bias is None else bias.float().contiguous()
        given = quantise(whole, scale).to(torch.int8), scale[:, 0].contiguous(), added
        self._outputs, self._inputs = whole.shape
        self._weight = WEIGHTS[kind.routine](*given)
        beside = few_rows_beside(kind.routine, whole) if takes_few_rows else None
        self._for_few_rows = None if beside is None else WEIGHTS[beside.routine](*given)
        self._numbers_of_few = 0 if beside is None else beside.most_rows * self._inputs

    def __call__(self, x: Tensor) -> Tensor:
        """A step has so many of these that each call around the product counts."""
        if x.shape[-1] != self._inputs:  # a loop would read beyond it
            raise ValueError(f"rows of {self._inputs} numbers, not {list(x.shape)}")
        whole = x.float()
        result = whole.new_empty(*x.shape[:-1], self._outputs)
        if self._for_few_rows is not None and whole.numel() <= self._numbers_of_few:
            self._for_few_rows.multiply(whole, result)
        elif whole.numel() <= ROWS_AT_ONCE * self._inputs:
            self._weight.multiply(whole, result)
        else:
            rows, results = whole.reshape(-1, self._inputs), result.view(-1, self._outputs)
            for at in range(0, len(rows), ROWS_AT_ONCE):
                some = slice(at, at + ROWS_AT_ONCE)
                self._weight.multiply(rows[some], results[some])
        return result if x.dtype == result.dtype else result.to(x.dtype)


def scale_of(rows: Tensor, largest: int = LARGEST) -> Tensor:
    """rows [n, in] -> [n, 1]: what one step of the whole numbers is worth in each row."""
    return rows.abs().amax(1, keepdim=True).mul_(1.0 / largest).clamp_min_(SMALLEST_SCALE)


def quantise(rows: Tensor, scale: Tensor) -> Tensor:
    """rows [n, in] in steps of their scale [n, 1]: whole numbers, still as float32."""
    return (rows / scale).round_()
