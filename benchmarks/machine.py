"""Where a figure was measured: machine, versions, memory. Measures; changes no setting."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TypeVar

from decoding.device.devices import processor_name

_KIBIBYTE: Final = 1024
OUR_PACKAGE: Final = "whisper-longform"
OUR_PIPELINE: Final = ("chunking", "decoding", "transcription")
Result = TypeVar("Result")


def describe_machine() -> dict[str, str]:
    """Names and versions for the report; no host name and no path."""
    return {
        "processor": processor_name(),
        "cores": str(os.cpu_count() or 1),
        "memory": f"{_total_memory() / 2**30:.0f} GiB",
        "device": _device(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        OUR_PACKAGE: our_version(),
    }


def our_version() -> str:
    try:
        return version(OUR_PACKAGE)
    except PackageNotFoundError:
        return "not installed"


def our_source() -> str:
    """A digest of the pipeline's code: what was heard with other code is another measurement."""
    digest = hashlib.blake2b(digest_size=4)
    for package in OUR_PIPELINE:
        for path in sorted((Path(__file__).parent.parent / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _total_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _device() -> str:
    import torch

    if not torch.cuda.is_available():
        return "no CUDA device"
    names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return ", ".join(names)


def peak_memory() -> int:
    """Largest resident size of this program so far, in bytes.

    From Linux itself: what `getrusage` says counts what the parent had when it started us.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * _KIBIBYTE
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIBIBYTE


def timed(call: Callable[[], Result]) -> tuple[Result, float, float]:
    """What the call gives, its wall seconds and its processor seconds, those of children too."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    result = call()
    return result, time.perf_counter() - wall, cpu_seconds() - cpu


def cpu_seconds() -> float:
    """What this process and the children it has waited for have worked so far, all threads."""
    return time.process_time() + cpu_seconds_of_children()


def cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_device_memory() -> int:
    """Most device memory that torch has held so far, in bytes; 0 without torch or a device.

    What CTranslate2 holds is not seen by torch and is not counted.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0
    return sum(torch.cuda.max_memory_allocated(n) for n in range(torch.cuda.device_count()))
