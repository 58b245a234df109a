"""One heap for all threads: what a job has freed is there for whoever needs it next.

glibc gives threads that allocate at once arenas of their own, and what lies free in one of them
serves no other: hours of speech, spread over the threads of a job, leave holes in each. The
service's threads take turns anyway (Python's lock). Changes nothing where another library allocates
(macOS, musl), and nothing in engine processes.
"""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8  # of glibc's malloc.h


def share_heap() -> None:
    """Let all threads of this process allocate from one arena from now on."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
