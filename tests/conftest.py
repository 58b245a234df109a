import os
import signal
from pathlib import Path

import decoding  # noqa: F401 - threads of PyTorch wait in tests as they do in the service
from tests.trust.table import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    row,
)

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "row",
]

# Started in the background, a shell lets its children ignore Ctrl-C, and theirs inherit that.
# Tests that interrupt a command need it to listen, wherever the tests themselves were started.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Triton reads this when it is first imported, by whichever test: without a card its kernels are
# interpreted.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
