"""What LONGFORM_DEVICES may say, and which devices this machine has.

Opens no device: counting the graphics processors makes no context on them.
"""

from __future__ import annotations

import platform
import re
from pathlib import Path

CPU = "cpu"
EXAMPLES = "auto, cpu, cuda, cuda:0, cuda:0,cuda:1 or all"
PROCESSORS = Path("/proc/cpuinfo")
_CUDA = re.compile(r"cuda(?::(\d{1,3}))?")


def parse(text: str, *, cuda_devices: int | None = None) -> tuple[str, ...]:
    """The devices of `text`, one for each engine: "cpu" or "cuda:N".

    `auto` is the first graphics processor, or the CPU where there is none; `all` is every one of
    them. A device named twice gets two engines. `cuda_devices` is counted when not given.
    """
    names = [name.strip().lower() for name in text.split(",")]
    if not all(names):
        raise ValueError(f"no device in {text!r}; give {EXAMPLES}")
    if names == [CPU]:
        return (CPU,)
    available = _count_cuda_devices() if cuda_devices is None else cuda_devices
    if names == ["auto"]:
        return ("cuda:0",) if available else (CPU,)
    if names == ["all"]:
        return tuple(f"cuda:{index}" for index in range(available)) or (CPU,)
    return tuple(_device(name, available) for name in names)


def processor_name(listed: Path = PROCESSORS) -> str:
    """The processor's name, or its kind where the system does not tell the name."""
    try:
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _device(name: str, available: int) -> str:
    if name == CPU:
        return CPU
    match = _CUDA.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not a device; give {EXAMPLES}")
    index = int(match[1] or 0)
    if index >= available:
        raise ValueError(f"there is no {name}: this machine shows {available} CUDA devices")
    return f"cuda:{index}"


def _count_cuda_devices() -> int:
    import torch  # only to count, and only where the answer is not plain

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
