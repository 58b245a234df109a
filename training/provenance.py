"""Where and how a figure was measured. Measures nothing of the model; changes no setting."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from decoding.device.devices import processor_name

PACKAGES = ("torch", "openai-whisper", "espeakng-loader")


class Provenance:
    """Counts time from when it is made until it is asked."""

    def __init__(self) -> None:
        self._wall, self._worked = time.monotonic(), time.process_time()

    def plain(self) -> dict[str, str | int | float]:
        """For a report: when, on what, with which versions, and how long."""
        return {
            "date": datetime.now(UTC).date().isoformat(),
            "processor": processor_name(),
            "cores": os.cpu_count() or 1,
            "threads": torch.get_num_threads(),
            **{name: version(name) for name in PACKAGES},
            "seconds": round(time.monotonic() - self._wall, 1),
            "processor_seconds": round(time.process_time() - self._worked, 1),
        }
