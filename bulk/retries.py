"""Tries that are repeated where what stood in the way may pass."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TypeVar

from transcription.errors import NO_ROOM

PAUSES = (1.0, 4.0, 15.0)  # seconds between tries
# A store says so when something is not there, not allowed or not possible. All else may pass.
FINAL = (
    *(FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError),
    *(ImportError, NotImplementedError, ValueError, TypeError),
)

# What this machine lacks: every recording would fail of it.
LACKS = NO_ROOM | {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS}

T = TypeVar("T")


def is_ours(error: BaseException) -> bool:
    """Whether the machine lacks something, whatever recording it is."""
    return isinstance(error, OSError) and error.errno in LACKS


def persistently(action: Callable[[], T]) -> T:
    """What `action` returns; tried again after each of `PAUSES`. Raises what it raised last."""
    for pause in PAUSES:
        try:
            return action()
        except FINAL:
            raise
        except Exception:  # noqa: BLE001 - each kind of store has errors of its own
            time.sleep(pause)
    return action()
