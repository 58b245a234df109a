"""Logs: what happened to which request or job, never its content. One JSON object a line, for
machines; on a terminal plain lines, and only those that a person waits for.

Errors are content too: their words may repeat what a client sent, and so may those of libraries.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

# Errors about a value, whose words tend to hold it: options, names, text that was looked up.
TALKATIVE = (ValueError, LookupError)
MOST_CAUSES = 10
AWAITED = ("app.start", "app.engines")  # what a person at a terminal wants to see


class JsonLines(logging.Formatter):
    """Formats a record; `extra={"fields": {…}}` adds to it. Line breaks cannot forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Where it happened, and of what kind it was; its words unless they may be content."""
        return "\n".join(_told(one) for one in _chain(ei[1])) if ei[1] is not None else ""


class PlainLines(logging.Formatter):
    """The message and its fields; warnings and errors are called that."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        told = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        line = f"{level}{record.getMessage()} {told}".rstrip()
        trace = JsonLines().formatException(record.exc_info) if record.exc_info else ""
        return f"{line}\n{trace}".rstrip()


def log_to_stderr() -> None:
    """Send every log and warning of the process to standard error, as fits who reads it."""
    handler = logging.StreamHandler()
    is_terminal = sys.stderr.isatty()
    handler.setFormatter(PlainLines() if is_terminal else JsonLines())
    level = logging.WARNING if is_terminal else logging.INFO
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in AWAITED:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = _log_end_of_thread


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it came from."""
    one: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if one is None:
            return
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _told(error: BaseException) -> str:
    kind = type(error)
    words = "(words withheld)" if isinstance(error, TALKATIVE) else str(error)
    stack = "".join(traceback.format_tb(error.__traceback__))
    return f"{kind.__module__}.{kind.__qualname__}: {words}\n{stack}"


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        logging.getLogger(__name__).error("a thread ended", exc_info=ended.exc_value)
