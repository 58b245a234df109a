"""Sums of products, by the processor's own instructions, for compiled loops.

Processors have one instruction for what two 16-bit numbers are multiplied by two others and added
up (pmaddwd), and newer ones, with VNNI, for four of 8 bits (vpdpbusd) as well: both by sixteen sums
of 32 bits at a time where vectors have 512 bits. LLVM takes the first where it sees vectors
multiplied and neighbours added, not where it has to make vectors of a loop by itself, and the
second where it is named. So the loops here are written out in vectors, and their sums stay in
registers: `ROWS` rows, the usual beams, by a few vectors of sums. Sums of whole numbers are exact,
whatever the order, as long as they fit: the products of 65,000 numbers of 8 bits do. Those of
float32 are made in the order of the inputs.
"""

# ruff: noqa: ARG001 - an intrinsic is told of all its arguments
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba.core.config
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.core.errors import TypingError
from numba.extending import intrinsic

from decoding.kernels import prefetch


def _has(*features: str) -> bool:
    """Whether Numba compiles for all these features of processors: of what it is told, and else of
    what it finds, the last word on each counts."""
    told = numba.core.config.CPU_FEATURES
    words = (get_host_cpu_features() if told is None else told).split(",")
    last = {word.strip()[1:]: word.strip()[:1] for word in words}
    return all(last.get(one) == "+" for one in features)


ROWS = 5
SUMS_AT_ONCE = 16 if _has("avx512f", "avx512bw") else 8
PAIRED_SUMS = 2 * SUMS_AT_ONCE  # of each row by one call of `add_pairs`
MULTIPLIES_QUADS = _has("avx512f", "avx512bw", "avx512vnni")
"""Whether `add_quads` and `multiply_quads` can be compiled; where not, LLVM ends the process."""
QUAD = 4
QUAD_SUMS = 64  # of each row by one call of `add_quads`
OFFSET = 128  # added to bytes with a sign, they have none
FLOAT_SUMS = (4 if SUMS_AT_ONCE == 16 else 2) * SUMS_AT_ONCE
"""Of each row by one call of `multiply_floats`: as many as stay in 32 registers of 512 bits, or in
16 of 256."""

_BYTE, _SHORT, _INT, _PLACE = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_REAL = ir.FloatType()
_SUMS = ir.VectorType(_INT, SUMS_AT_ONCE)
_REALS = ir.VectorType(_REAL, SUMS_AT_ONCE)
_SIZE = 4 * SUMS_AT_ONCE  # of a vector, in bytes
_AHEAD = _PLACE(prefetch.AHEAD)


class _Array:
    """An array that a loop was given: what is loaded from it, and stored."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self._builder = builder
        array = context.make_array(kind)(context, builder, value)
        self._data = builder.bitcast(array.data, _BYTE.as_pointer())
        self._strides = cgutils.unpack_tuple(builder, array.strides, kind.ndim)

    def load(self, kind: ir.Type, byte: Any, row: int | None = None) -> Any:
        """The `kind` that begins at a byte, of a row if there are several."""
        return self._builder.load(self._address(kind, byte, row), align=1)

    def load_in_turn(self, kind: ir.Type, byte: Any) -> Any:
        """The same of what is read from one end to the other: what comes later is asked for, in
        vain where it is in a near cache already."""
        prefetch.emit(self._builder, self._address(kind, self._builder.add(byte, _AHEAD), None))
        return self.load(kind, byte)

    def store(self, value: Any, byte: Any, row: int) -> None:
        self._builder.store(value, self._address(value.type, byte, row), align=1)

    def _address(self, kind: ir.Type, byte: Any, row: int | None) -> Any:
        if row is not None:
            byte = self._builder.add(self._builder.mul(self._strides[0], _PLACE(row)), byte)
        return self._builder.bitcast(self._builder.gep(self._data, [byte]), kind.as_pointer())


def _filled(builder: Any, number: Any) -> Any:
    """A vector of one number over and over."""
    kind = ir.VectorType(number.type, SUMS_AT_ONCE)
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, number, _INT(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_SUMS, None))


def _checked(array: Any, dimensions: int, kind: Any) -> Any:
    """An array's type, if it is of these, and the numbers of its last dimension lie side by side.

    Of a slice of rows Numba does not know; there the caller vouches for it.
    """
    layouts = "C" if dimensions == 1 else "CA"
    fits = isinstance(array, types.Array) and (array.ndim, array.dtype) == (dimensions, kind)
    if not fits or array.layout not in layouts:
        raise TypingError(f"an array of {dimensions} dimensions of {kind}, by rows, not {array}")
    return array


def _arrays(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """The arguments, the arrays of them as `_Array`."""
    return [
        _Array(context, builder, kind, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


Tile = dict[tuple[int, int], Any]  # of a row and a vector, a vector of sums


def _add_up(
    builder: Any,
    sums: Tile,
    groups: Any,
    rows: _Array,
    numbers: Callable[[Any, int], Any],
    add: Callable[[Any, Any, Any], Any],
) -> Tile:
    """Sums and, group by group, more: 32 bits of each row by the `numbers` of a group and a vector,
    as `add` adds them to a sum."""
    kept = {at: cgutils.alloca_once_value(builder, value) for at, value in sums.items()}
    vectors = {vector for _, vector in sums}
    with cgutils.for_range(builder, groups) as loop:  # what is kept stays in registers
        some = {vector: numbers(loop.index, vector) for vector in vectors}
        byte = builder.mul(loop.index, _PLACE(4))
        for row in range(ROWS):
            group = _filled(builder, rows.load(_INT, byte, row))
            for vector in vectors:
                place = kept[row, vector]
                builder.store(add(builder.load(place), some[vector], group), place)
    return {at: builder.load(place) for at, place in kept.items()}


@intrinsic  # type: ignore[untyped-decorator]
def add_pairs(  # noqa: PLR0913
    typing_context: Any, sums: Any, to: Any, numbers: Any, stride: Any, rows: Any, pairs: Any
) -> Any:
    """Add to int32 sums [5, n], `PAIRED_SUMS` of each from `to` on, what `pairs` pairs of int16
    rows [5, m] are multiplied by int8 numbers [n].

    The numbers for the first pair, two for each sum, begin where `numbers` do, those for each next
    one `stride` further.
    """
    size = 2 * SUMS_AT_ONCE
    shorts, products = ir.VectorType(_SHORT, size), ir.VectorType(_INT, size)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, to, numbers, stride, rows, pairs = _arrays(context, builder, signature, arguments)
        begin = builder.mul(to, _PLACE(4))
        places = {
            (row, vector): (builder.add(begin, _PLACE(vector * _SIZE)), row)
            for row in range(ROWS)
            for vector in range(PAIRED_SUMS // SUMS_AT_ONCE)
        }

        def load(pair: Any, vector: int) -> Any:
            byte = builder.add(builder.mul(pair, stride), _PLACE(vector * size))
            return builder.sext(numbers.load_in_turn(ir.VectorType(_BYTE, size), byte), shorts)

        def add(before: Any, some: Any, pair: Any) -> Any:
            by = builder.sext(builder.bitcast(pair, shorts), products)
            product = builder.mul(builder.sext(some, products), by)
            even, odd = (
                builder.shuffle_vector(
                    product,
                    ir.Constant(products, ir.Undefined),
                    ir.Constant(_SUMS, list(range(first, size, 2))),
                )
                for first in (0, 1)
            )
            return builder.add(before, builder.add(even, odd))

        before = {at: sums.load(_SUMS, *place) for at, place in places.items()}
        after = _add_up(builder, before, pairs, rows, load, add)
        for at, place in places.items():
            sums.store(after[at], *place)
        return context.get_dummy_value()

    given = (_checked(sums, 2, types.int32), types.intp, _checked(numbers, 1, types.int8))
    return types.void(*given, types.intp, _checked(rows, 2, types.int16), types.intp), generate


def _of_quads(builder: Any, numbers: _Array, *, rows_have_signs: bool) -> tuple[Any, Any]:
    """How `_add_up` loads and adds where numbers lie in fours, `QUAD_SUMS` of these together."""
    # sums of unsigned bytes by signed ones, nothing cut off
    instruction = builder.module.declare_intrinsic(
        "llvm.x86.avx512.vpdpbusd.512", (), ir.FunctionType(_SUMS, [_SUMS] * 3)
    )

    def load(quad: Any, vector: int) -> Any:
        byte = builder.add(builder.mul(quad, _PLACE(QUAD * QUAD_SUMS)), _PLACE(vector * _SIZE))
        return numbers.load_in_turn(_SUMS, byte)

    def add(before: Any, some: Any, quad: Any) -> Any:
        unsigned, signed = (some, quad) if rows_have_signs else (quad, some)
        return builder.call(instruction, [before, unsigned, signed])

    return load, add


_QUAD_TILE = [(row, vector) for row in range(ROWS) for vector in range(QUAD_SUMS // SUMS_AT_ONCE)]


@intrinsic  # type: ignore[untyped-decorator]
def add_quads(typing_context: Any, sums: Any, to: Any, numbers: Any, rows: Any, quads: Any) -> Any:
    """Add to int32 sums [5, n], `QUAD_SUMS` of each from `to` on, what `quads` fours of rows [5, m]
    are multiplied by numbers [quads x 64 x 4]: int8 and uint8, or uint8 and int8.

    Only where `MULTIPLIES_QUADS`.
    """
    rows_have_signs = getattr(rows, "dtype", None) == types.int8

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, to, numbers, rows, quads = _arrays(context, builder, signature, arguments)
        begin = builder.mul(to, _PLACE(4))
        places = {
            (row, vector): (builder.add(begin, _PLACE(vector * _SIZE)), row)
            for row, vector in _QUAD_TILE
        }
        before = {at: sums.load(_SUMS, *place) for at, place in places.items()}
        how = _of_quads(builder, numbers, rows_have_signs=rows_have_signs)
        for at, after in _add_up(builder, before, quads, rows, *how).items():
            sums.store(after, *places[at])
        return context.get_dummy_value()

    kinds = (types.uint8, types.int8) if rows_have_signs else (types.int8, types.uint8)
    given = (_checked(numbers, 1, kinds[0]), _checked(rows, 2, kinds[1]), types.intp)
    return types.void(_checked(sums, 2, types.int32), types.intp, *given), generate


@intrinsic  # type: ignore[untyped-decorator]
def multiply_quads(  # noqa: PLR0913
    typing_context: Any,
    result: Any,
    rows: Any,
    starts: Any,
    row_scales: Any,
    numbers: Any,
    scales: Any,
    bias: Any,
    quads: Any,
) -> Any:
    """float32 result [5, 64] = what `quads` fours of int8 rows [5, m] are multiplied by uint8
    numbers [quads x 64 x 4], the int32 starts [5] added, made real: times the float32 scales [64]
    and those of the rows [5], in this order, and the bias [64] added.

    Only where `MULTIPLIES_QUADS`.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = _arrays(context, builder, signature, arguments)
        result, rows, starts, row_scales, numbers, scales, bias, quads = arrays
        before = {
            (row, vector): _filled(builder, starts.load(_INT, _PLACE(4 * row)))
            for row, vector in _QUAD_TILE
        }
        how = _of_quads(builder, numbers, rows_have_signs=True)
        sums = _add_up(builder, before, quads, rows, *how)
        for (row, vector), exact in sums.items():
            byte = _PLACE(vector * _SIZE)
            real = builder.fmul(builder.sitofp(exact, _REALS), scales.load(_REALS, byte))
            scale = _filled(builder, row_scales.load(_REAL, _PLACE(4 * row)))
            real = builder.fadd(builder.fmul(real, scale), bias.load(_REALS, byte))
            result.store(real, byte, row)
        return context.get_dummy_value()

    given = (
        _checked(result, 2, types.float32),
        _checked(rows, 2, types.int8),
        _checked(starts, 1, types.int32),
        _checked(row_scales, 1, types.float32),
        _checked(numbers, 1, types.uint8),
        _checked(scales, 1, types.float32),
        _checked(bias, 1, types.float32),
    )
    return types.void(*given, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def multiply_floats(
    typing_context: Any, result: Any, rows: Any, numbers: Any, bias: Any, count: Any
) -> Any:
    """float32 result [5, `FLOAT_SUMS`] = what the first `count` numbers of float32 rows [5, m] are
    multiplied by float32 numbers [count x `FLOAT_SUMS`], added in their order, and the bias
    [`FLOAT_SUMS`] added."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        result, rows, numbers, bias, count = _arrays(context, builder, signature, arguments)
        multiply_add = builder.module.declare_intrinsic(
            f"llvm.fmuladd.v{SUMS_AT_ONCE}f32", (), ir.FunctionType(_REALS, [_REALS] * 3)
        )
        nothing = ir.Constant(_REALS, None)
        tile = [
            (row, vector) for row in range(ROWS) for vector in range(FLOAT_SUMS // SUMS_AT_ONCE)
        ]

        def load(place: Any, vector: int) -> Any:
            byte = builder.add(builder.mul(place, _PLACE(4 * FLOAT_SUMS)), _PLACE(vector * _SIZE))
            return numbers.load_in_turn(_REALS, byte)

        def add(before: Any, some: Any, number: Any) -> Any:
            return builder.call(multiply_add, [builder.bitcast(number, _REALS), some, before])

        sums = _add_up(builder, dict.fromkeys(tile, nothing), count, rows, load, add)
        for (row, vector), total in sums.items():
            byte = _PLACE(vector * _SIZE)
            result.store(builder.fadd(total, bias.load(_REALS, byte)), byte, row)
        return context.get_dummy_value()

    given = (_checked(array, dims, types.float32) for array, dims in
             ((result, 2), (rows, 2), (numbers, 1), (bias, 1)))  # fmt: skip
    return types.void(*given, types.intp), generate
