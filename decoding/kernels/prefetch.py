"""Memory asked for before it is read, in compiled loops.

A step reads weights, keys and values once, from one end to the other, tens of MB in all, which no
near cache holds. The processor sees that and asks ahead by itself, but not beyond the end of a page
(4 KB): each page begins with a wait. Changes no result.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

AHEAD = 4096  # bytes
LINE = 64  # bytes that come at once

_BYTE, _INT = ir.IntType(8).as_pointer(), ir.IntType(32)
_TO_READ, _TO_KEEP, _DATA = _INT(0), _INT(3), _INT(1)


def emit(builder: Any, address: Any) -> None:
    """Ask for the line at an address, which may be one where nothing is."""
    kind = ir.FunctionType(ir.VoidType(), [_BYTE, _INT, _INT, _INT])
    function = builder.module.declare_intrinsic("llvm.prefetch.p0", (), kind)
    builder.call(function, [builder.bitcast(address, _BYTE), _TO_READ, _TO_KEEP, _DATA])


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typing_context: Any, array: Any, at: Any) -> Any:  # noqa: ARG001 - a port
    """Ask for the line that holds number `at` of an array [n]; it may be behind the last."""
    if not isinstance(array, types.Array) or (array.ndim, array.layout) != (1, "C"):
        raise TypingError(f"an array of one dimension, its numbers side by side, not {array}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        emit(builder, builder.gep(data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
