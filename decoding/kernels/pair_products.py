"""Products of 16-bit whole numbers added up in pairs, compiled into the loops of others.

Processors have one instruction for it (pmaddwd; with VNNI it adds to the sums as well), which LLVM
takes where it sees vectors multiplied and neighbours added, not where it has to make vectors of a
loop by itself: there it multiplies 32 bits by 32, which is several times as slow. So a loop says
vectors here: `Numbers`, `NUMBERS_AT_ONCE` whole numbers of 16 bits, and `Sums`, half as many of 32
bits. Sums are exact, whatever the order, as long as they fit.

Loops that are kept hold what they use from here: touch theirs too (decoding/kernels/compiled.py).
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numba.core.config
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic, models, register_model

from decoding.kernels.compiled import compiled
from decoding.kernels.wide_vectors import take_wide_vectors


def _has_wide_vectors() -> bool:
    """Whether loops are compiled for vectors of 512 bits: Numba can be told another processor."""
    told = numba.core.config.CPU_NAME, numba.core.config.CPU_FEATURES
    if any(one is not None for one in told):
        return "+avx512bw" in (told[1] or "")
    return bool(llvmlite.binding.get_host_cpu_features().get("avx512bw"))


NUMBERS_AT_ONCE = 32 if _has_wide_vectors() else 16
SUMS_AT_ONCE = NUMBERS_AT_ONCE // 2

_BYTE, _SHORT, _INT = ir.IntType(8), ir.IntType(16), ir.IntType(32)
_NUMBERS = ir.VectorType(_SHORT, NUMBERS_AT_ONCE)
_PRODUCTS = ir.VectorType(_INT, NUMBERS_AT_ONCE)
_SUMS = ir.VectorType(_INT, SUMS_AT_ONCE)


class Numbers(types.Type):  # type: ignore[misc]
    """A vector of `NUMBERS_AT_ONCE` whole numbers of 16 bits."""

    def __init__(self) -> None:
        super().__init__("Numbers")


class Sums(types.Type):  # type: ignore[misc]
    """A vector of `SUMS_AT_ONCE` whole numbers of 32 bits."""

    def __init__(self) -> None:
        super().__init__("Sums")


_numbers, _sums = Numbers(), Sums()


@register_model(Numbers)
class _NumbersModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, declared: Any) -> None:
        super().__init__(manager, declared, _NUMBERS)


@register_model(Sums)
class _SumsModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, declared: Any) -> None:
        super().__init__(manager, declared, _SUMS)


def _place(context: Any, builder: Any, signature: Any, arguments: Any, kind: ir.Type) -> Any:
    """Of the vector `kind` that begins at an array's element, its address."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), kind.as_pointer())


def _checked(array: Any, kind: Any) -> Any:
    """An array's type, if it is of one dimension and this kind. Its numbers lie side by side."""
    if not isinstance(array, types.Array) or array.ndim != 1 or array.dtype != kind:
        raise TypingError(f"an array [n] of {kind}, not {array}")
    return array


@intrinsic  # type: ignore[untyped-decorator]
def load_bytes(typing_context: Any, array: Any, at: Any) -> Any:  # noqa: ARG001 - a port
    """The next numbers of an int8 array [n] from `at`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(_BYTE, NUMBERS_AT_ONCE)
        place = _place(context, builder, signature, arguments, kind)
        return builder.sext(builder.load(place, align=1), _NUMBERS)

    return _numbers(_checked(array, types.int8), types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def load_pair(typing_context: Any, array: Any, at: Any) -> Any:  # noqa: ARG001 - a port
    """The two numbers of an int16 array [n] at `at`, over and over."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature, arguments, _INT)
        pair, nothing = builder.load(place, align=1), ir.Constant(_SUMS, ir.Undefined)
        first = builder.insert_element(nothing, pair, ir.Constant(_INT, 0))
        return builder.bitcast(
            builder.shuffle_vector(first, nothing, ir.Constant(_SUMS, None)), _NUMBERS
        )

    return _numbers(_checked(array, types.int16), types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def add_products(typing_context: Any, sums: Any, one: Any, other: Any) -> Any:  # noqa: ARG001
    """Sums and, to each, two neighbours' products more."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        before, one, other = arguments
        products = builder.mul(builder.sext(one, _PRODUCTS), builder.sext(other, _PRODUCTS))
        nothing = ir.Constant(_PRODUCTS, ir.Undefined)
        even, odd = (
            builder.shuffle_vector(
                products, nothing, ir.Constant(_SUMS, list(range(first, NUMBERS_AT_ONCE, 2)))
            )
            for first in (0, 1)
        )
        return builder.add(before, builder.add(even, odd))

    return _sums(_sums, _numbers, _numbers), generate


@intrinsic  # type: ignore[untyped-decorator]
def load_sums(typing_context: Any, array: Any, at: Any) -> Any:  # noqa: ARG001 - a port
    """The next sums of an int32 array [n] from `at`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_place(context, builder, signature, arguments, _SUMS), align=1)

    return _sums(_checked(array, types.int32), types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def store_sums(typing_context: Any, array: Any, at: Any, sums: Any) -> Any:  # noqa: ARG001
    """Put sums into an int32 array [n], from `at` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature, arguments, _SUMS)
        builder.store(arguments[2], place, align=1)
        return context.get_dummy_value()

    return types.void(_checked(array, types.int32), types.intp, _sums), generate


ROWS_AT_ONCE = 5  # the usual beams


@compiled()
def add_to_sums(sums: Any, to: int, numbers: Any, step: int, rows: Any, pairs: int) -> None:
    """Add to int32 `sums` [5, n], 2 x `SUMS_AT_ONCE` of each from `to` on, what `pairs` pairs of
    int16 `rows` [5, m] are multiplied by int8 `numbers` [n].

    The numbers for the first pair begin where `numbers` do, those for each next one `step` further.
    """
    take_wide_vectors()
    row0, row1, row2, row3, row4 = rows[0], rows[1], rows[2], rows[3], rows[4]
    then = to + SUMS_AT_ONCE
    sum0, next0 = load_sums(sums[0], to), load_sums(sums[0], then)
    sum1, next1 = load_sums(sums[1], to), load_sums(sums[1], then)
    sum2, next2 = load_sums(sums[2], to), load_sums(sums[2], then)
    sum3, next3 = load_sums(sums[3], to), load_sums(sums[3], then)
    sum4, next4 = load_sums(sums[4], to), load_sums(sums[4], then)
    for number in range(pairs):
        at = number * step
        some, others = load_bytes(numbers, at), load_bytes(numbers, at + NUMBERS_AT_ONCE)
        at = 2 * number
        pair = load_pair(row0, at)
        sum0, next0 = add_products(sum0, some, pair), add_products(next0, others, pair)
        pair = load_pair(row1, at)
        sum1, next1 = add_products(sum1, some, pair), add_products(next1, others, pair)
        pair = load_pair(row2, at)
        sum2, next2 = add_products(sum2, some, pair), add_products(next2, others, pair)
        pair = load_pair(row3, at)
        sum3, next3 = add_products(sum3, some, pair), add_products(next3, others, pair)
        pair = load_pair(row4, at)
        sum4, next4 = add_products(sum4, some, pair), add_products(next4, others, pair)
    store_sums(sums[0], to, sum0)
    store_sums(sums[0], then, next0)
    store_sums(sums[1], to, sum1)
    store_sums(sums[1], then, next1)
    store_sums(sums[2], to, sum2)
    store_sums(sums[2], then, next2)
    store_sums(sums[3], to, sum3)
    store_sums(sums[3], then, next3)
    store_sums(sums[4], to, sum4)
    store_sums(sums[4], then, next4)
