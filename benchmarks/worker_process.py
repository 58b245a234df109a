"""A process in which something is opened and measured, one request at a time. The outside.

Requests and answers are JSON; `benchmarks.worker` is the inside.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

COMPLAINT_LINES = 6
GRACE_SECONDS = 10.0


class WorkFailed(Exception):
    """It could not be opened, or stumbled, or its process has ended; the message says why."""


class Opened(Protocol):
    """What a worker holds. `facts` and the answers are JSON."""

    @property
    def facts(self) -> Mapping[str, Any]: ...

    def answer(self, asked: Any) -> Any: ...

    def close(self) -> None: ...


class Worker:
    """A process; what it complains of goes to `log`. Not shared between threads but for `kill`.

    `patience`: seconds that an answer may take.
    """

    def __init__(
        self,
        *,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        patience: float | None = None,
        python: str = sys.executable,
    ) -> None:
        self._log, self._patience = log, patience
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_bytes(b"")
        with open(log or os.devnull, "ab") as complaints:
            self._process = subprocess.Popen(
                [python, "-m", "benchmarks.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints if log else None,
                text=True,
                encoding="utf-8",
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # an interruption from the keyboard is ours to pass on
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def open(self, opener: str, work: Mapping[str, Any]) -> Any:
        """The facts of what `opener`, a "module:function", opens for the work."""
        return self.ask({"opener": opener, "work": work})

    def ask(self, asked: Any) -> Any:
        """The answer. Raises `WorkFailed`; after that it answers nothing more."""
        assert self._process.stdout is not None
        self._send(asked)
        if not select.select([self._process.stdout], [], [], self._patience)[0]:
            self.kill()
            raise WorkFailed(f"it gave nothing for {self._patience:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise WorkFailed(f"its process ended with {self._process.wait()}{self._complaint()}")
        answer = json.loads(line)
        if "problem" in answer:
            raise WorkFailed(answer["problem"])
        return answer["answer"]

    def close(self) -> None:
        """End the process, by force if it does not end when it is asked to."""
        if self._process.returncode is None:
            self._send(None)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        self.kill()
        self._process.communicate()  # closes the pipes

    def kill(self) -> None:
        self._process.kill()

    def _send(self, asked: Any) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: its status says so
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()

    def _complaint(self) -> str:
        if self._log is None:
            return ""
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return ": " + " | ".join(said[-COMPLAINT_LINES:])
