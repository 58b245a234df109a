"""Compiled loops that the threads of PyTorch's own pool share out among themselves.

A pool of our own would fight with PyTorch's, whose threads stay awake between two operations. Both
are OpenMP's, so a loop is handed to the runtime that PyTorch brought along. Where there is none to
be found, loops run in the caller's thread, with the same results.

A loop is a function of one block of pointers: the first points to whole numbers (sizes, places),
the others to the data of tensors. It asks `share_of` which part of its work is its own.
"""

from __future__ import annotations

import ctypes
import logging
from array import array
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from typing import Any

import llvmlite.binding
import numba
import torch
from numba import types
from torch import Tensor

from decoding.kernels.compiled import compiled, kept

log = logging.getLogger(__name__)

WORTH_SHARING = 32_768  # multiplications or the like; less is done before another thread is there

_SOFTLY = 1  # OpenMP 5.0: what the threads have set for themselves is kept

_BLOCK = types.CPointer(types.voidptr)
_number_of_this = types.ExternalFunction("omp_get_thread_num", types.int32())
_number_of_all = types.ExternalFunction("omp_get_num_threads", types.int32())


@compiled()
def share_of(count: int) -> tuple[int, int]:
    """First and last + 1 of `count` pieces of work that are this thread's."""
    this, all_of_them = _number_of_this(), _number_of_all()
    return count * this // all_of_them, count * (this + 1) // all_of_them


MOST_ROWS_TOGETHER = 64
"""Of more, each thread multiplies its own by a whole weight; of fewer, all by its own outputs."""


@compiled()
def share_of_product(rows: int, parts: int) -> tuple[int, int, int, int]:
    """First and last + 1 of `rows`, and of a weight's `parts`, that are this thread's."""
    begin, end, first, after = 0, rows, 0, parts
    if rows > MOST_ROWS_TOGETHER:
        begin, end = share_of(rows)
    else:
        first, after = share_of(parts)
    return begin, end, first, after


class SharedLoop:
    """A loop that is compiled when it is first called, or taken from disk
    (decoding/kernels/compiled.py).

    Called with its numbers and its tensors [..], which must be alive and on the CPU and whose sizes
    are among the numbers, and with how much work there is.
    """

    def __init__(self, function: Callable[[Any], None], fastmath: bool | set[str]) -> None:
        self._function = function
        self._fastmath = fastmath

    def __call__(self, numbers: Sequence[int], *tensors: Tensor, work: int) -> None:
        sizes = array("q", numbers)
        addresses = [sizes.buffer_info()[0], *[tensor.data_ptr() for tensor in tensors]]
        pointers = array("Q", addresses)
        block = pointers.buffer_info()[0]
        threads = torch.get_num_threads() if work >= WORTH_SHARING else 1
        run_in_pool = _pool() if threads > 1 else None
        if run_in_pool is None:
            self._call(block)
        else:
            run_in_pool(self._body.address, block, threads, 0)

    def multiply(self, rows: Tensor, weight: Tensor, *others: Tensor, result: Tensor) -> None:
        """Call a loop over rows [.., in], which makes result [.., out] of them: its numbers are how
        many rows there are, in and out; its tensors the rows, the weight, the others, the result,
        all but the rows contiguous. Whether they fit each other is the caller's to know.
        """
        inputs, outputs = rows.shape[-1], result.shape[-1]
        count = rows.numel() // inputs
        given = (rows.contiguous(), weight, *others, result)
        self((count, inputs, outputs), *given, work=count * weight.numel())

    @cached_property
    def _call(self) -> Callable[[int], None]:
        return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._body.address)

    @cached_property
    def _body(self) -> Any:
        """The loop as a C function of the block's address."""
        _pool()  # what the loop asks must be known before it is loaded
        compile_it = partial(
            numba.cfunc, types.void(_BLOCK), fastmath=self._fastmath, error_model="numpy"
        )
        return kept(lambda cache: compile_it(cache=cache)(self._function))


def shared_loop(*, fastmath: bool | set[str] = False) -> Callable[[Callable[..., None]], Any]:
    """Make a `SharedLoop`. `fastmath`: the liberties with rounding that its arithmetic may take."""

    def make(function: Callable[..., None]) -> SharedLoop:
        return SharedLoop(function, fastmath)

    return make


def end_pool() -> None:
    """End the pool of the calling thread, which leaves tensors to another; it comes back if needed.

    OpenMP counts the threads of all pools of a process. Where they are more than the processors,
    each falls asleep as soon as it has nothing to do, and to wake it takes longer than most of a
    step's operations: two threads decoded one window of the tiny size in 1.1 s, not in 0.6.
    """
    pause = getattr(ctypes.CDLL(None), "omp_pause_resource_all", None)
    if pause is not None:
        pause(_SOFTLY)


@cache
def _pool() -> Any:
    """OpenMP's `parallel(function, block, threads, flags)`; None where there is no such runtime."""
    runtime = ctypes.CDLL(None)
    parallel: Any
    try:
        parallel = runtime.GOMP_parallel
        asked = [runtime.omp_get_thread_num, runtime.omp_get_num_threads]
    except AttributeError:
        log.info("no OpenMP runtime within reach: compiled loops use one thread")
        parallel, asked = None, [_constant(0).ctypes, _constant(1).ctypes]
    else:
        parallel.restype = None
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    for name, function in zip(("omp_get_thread_num", "omp_get_num_threads"), asked, strict=True):
        llvmlite.binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return parallel


@cache
def _constant(number: int) -> Any:
    return numba.cfunc(types.int32())(lambda: number)
