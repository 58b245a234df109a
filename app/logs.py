"""Logs as one JSON object a line: what happened to which request or job, never its content.

Errors are content too: their words may repeat what a client sent, and so may those of libraries.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

# Errors about a value, whose words tend to hold it: options, names, text that was looked up.
TALKATIVE = (ValueError, LookupError)
MOST_CAUSES = 10


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


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send every log of the process to standard error as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
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
