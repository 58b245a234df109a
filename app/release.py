"""Which release of the service this is. Hosts that work together are of the same one."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The installed version; 0 where it runs without being installed."""
    try:
        return version("whisper-longform")
    except PackageNotFoundError:
        return "0"
