"""Steps, how long each took and whether it went well."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from tests.image.building import BuildFailed

WIDTH = 52


class Table:
    """Prints a line for each step as it ends; with `only`, of those named so."""

    def __init__(self, only: str = "") -> None:
        self._only = only
        self._failed: list[str] = []
        self._passed = 0
        tell(f"{'step':{WIDTH}} {'seconds':>8}  result")

    def step(self, name: str, run: Callable[[], str | None], is_needed: bool = False) -> bool:
        """Whether `run` went well (or was not asked for); it returns what is worth knowing."""
        if self._only not in name and not is_needed:
            return True
        start = time.monotonic()
        try:
            said, went_well = run() or "", True
        except (AssertionError, BuildFailed, OSError, subprocess.SubprocessError) as error:
            said, went_well = str(error) or type(error).__name__, False
            self._failed.append(name)
        self._passed += went_well
        result = f"ok  {said}" if went_well else f"FAILED: {said}"
        tell(f"{name:{WIDTH}} {time.monotonic() - start:8.1f}  {result}")
        return went_well

    def close(self) -> int:
        """The exit code of the whole."""
        tell(f"{self._passed} passed, {len(self._failed)} failed")
        return bool(self._failed)


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
