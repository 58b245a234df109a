"""Vectors as wide as the processor's, for one compiled loop.

LLVM takes 256 bits where it could take 512, for many processors, because the first of the wide ones
lowered their clock. The wish can be told for a whole process (Numba reads it once, when the first
function is declared by whoever it is: last bits would depend on that), or in a function's
attributes, as here.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

WISH = '"prefer-vector-width"="512"'  # https://llvm.org/docs/LangRef.html#function-attributes


@intrinsic  # type: ignore[untyped-decorator]
def take_wide_vectors(typing_context: Any) -> Any:  # noqa: ARG001 - a port
    """Said first in a loop's body: it is compiled with vectors of 512 bits where there are any."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        set.add(builder.function.attributes, WISH)  # llvmlite's own `add` knows no such words
        return context.get_dummy_value()

    return types.void(), generate
