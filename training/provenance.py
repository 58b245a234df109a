"""Where and how a figure was measured. Measures nothing of the model; changes no setting."""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("torch", "openai-whisper", "espeakng-loader")
PROCESSORS = Path("/proc/cpuinfo")


class Provenance:
    """Counts time from when it is made until it is asked."""

    def __init__(self) -> None:
        self._wall, self._worked = time.monotonic(), time.process_time()

    def plain(self) -> dict[str, str | int | float]:
        """For a report: when, on what, with which versions, and how long."""
        return {
            "date": datetime.now(UTC).date().isoformat(),
            "processor": processor(),
            "cores": os.cpu_count() or 1,
            "threads": torch.get_num_threads(),
            **{name: version(name) for name in PACKAGES},
            "seconds": round(time.monotonic() - self._wall, 1),
            "processor_seconds": round(time.process_time() - self._worked, 1),
        }


def processor(listed: Path = PROCESSORS) -> str:
    """The processor's name, or its kind where the system does not tell the name."""
    try:
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
