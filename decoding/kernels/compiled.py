"""Loops compiled by Numba, and kept on disk: compiling takes seconds, longer than a short file.

Numba keeps them beside the source or in NUMBA_CACHE_DIR, for each kind of processor, and makes
them anew when the source of the loop itself has changed. Edit a loop that others call, and theirs
must be touched too. Where nothing can be written they are compiled in each process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import numba

log = logging.getLogger(__name__)


def compiled(*, fastmath: bool | set[str] = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called; it runs beside other threads.

    `fastmath`: the liberties with rounding that its arithmetic may take.
    """

    def compile_later(function: Callable[..., Any]) -> Any:
        return kept(partial(numba.njit, function, nogil=True, fastmath=fastmath))

    return compile_later


def kept(compile_it: Callable[..., Any]) -> Any:
    """Compile with Numba's `cache=True`, or without where nothing can be written."""
    try:
        return compile_it(cache=True)
    except RuntimeError as error:
        log.info("compiled loops are not kept: %s", error)
        return compile_it(cache=False)
