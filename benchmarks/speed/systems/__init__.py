"""One file for each system that decodes windows; all get the same samples and the same tokens."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from benchmarks.speed.types import Opener, Runnable, WindowWork
from decoding.device.spin_wait import spin_by_default

_MODULES: Final = {
    "ours": "benchmarks.speed.systems.ours",
    "openai-whisper": "benchmarks.speed.systems.openai_whisper",
    "ctranslate2": "benchmarks.speed.systems.ctranslate",
    "transformers": "benchmarks.speed.systems.transformers_generate",
}


def open_windows(work: WindowWork) -> Runnable:
    """Load the system of `work` with its windows. Raises ImportError when it is not installed."""
    if work.system != "ours":
        spin_by_default()
    module = import_module(_MODULES[work.system])
    return cast("Opener", lambda: module.open_windows(work))()
