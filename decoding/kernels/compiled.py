"""Loops compiled by Numba, and kept on disk: compiling takes seconds, longer than a short file.

Numba keeps them in NUMBA_CACHE_DIR, beside the source or in its folder of the user's, for each kind
of processor. Loops hold what they call, constants too: they are made anew when the source of any of
this folder has changed, not only their own (unless NUMBA_CACHE_LOCATOR_CLASSES names other ways to
keep them). Where nothing can be written they are compiled in each process.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

log = logging.getLogger(__name__)


def compiled(*, fastmath: bool | set[str] = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called; it runs beside other threads.

    `fastmath`: the liberties with rounding that its arithmetic may take.

    The function becomes part of each loop that calls it. Else a loop would call whichever copy of
    its name the process has loaded first, its own or one that was optimised alone and adds up in
    another order: last bits depended on whether a process had compiled its loops or taken them
    from disk.
    """

    def compile_later(function: Callable[..., Any]) -> Any:
        how = {"nogil": True, "forceinline": True, "fastmath": fastmath}
        return kept(partial(numba.njit, function, **how))

    return compile_later


def kept(compile_it: Callable[..., Any]) -> Any:
    """Compile with Numba's `cache=True`, or without where nothing can be written.

    From then on the process keeps all its loops in our way: others are only made anew more often.
    """
    numba.config.CACHE_LOCATOR_CLASSES = numba.config.CACHE_LOCATOR_CLASSES or LOCATORS
    try:
        return compile_it(cache=True)
    except RuntimeError as error:
        log.info("compiled loops are not kept: %s", error)
        return compile_it(cache=False)


@cache
def _sources() -> str:
    """A digest of this folder's source: what loops call lies here."""
    found = hashlib.blake2b(digest_size=16)
    for path in sorted(Path(__file__).parent.glob("[!.]*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


class _Anew:
    """Of a place where Numba keeps a loop: what is kept there is used as long as this is the same.

    https://numba.readthedocs.io/en/stable/reference/envvars.html (NUMBA_CACHE_LOCATOR_CLASSES)
    """

    def get_source_stamp(self) -> Any:
        return super().get_source_stamp(), _sources()  # type: ignore[misc]  # of Numba's own place


class WhereTold(_Anew, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """In NUMBA_CACHE_DIR."""


class BesideSource(_Anew, caching.InTreeCacheLocator):  # type: ignore[misc]
    """In the source's folder."""


class OfUser(_Anew, caching.UserWideCacheLocator):  # type: ignore[misc]
    """In Numba's folder of the user's."""


OURS = (WhereTold, BesideSource, OfUser)
OTHERS = (caching.IPythonCacheLocator, caching.ZipCacheLocator)  # of loops that are not ours
LOCATORS = ",".join(f"{one.__module__}.{one.__name__}" for one in (*OURS, *OTHERS))
