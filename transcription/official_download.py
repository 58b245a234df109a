"""OpenAI's own download of official weights, with somebody told how far it is.

openai-whisper downloads and verifies; this looks at what has come.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

from transcription.fetch_report import MB, FetchReport, Moved
from transcription.model_names import OFFICIAL_MEGABYTES

LOOK_SECONDS = 0.2


def download_official(name: str, root: Path, report: FetchReport) -> Path:
    """The checkpoint of an official name in `root`, fetched unless it is there; verified.

    Raises `decoding.errors.ModelUnavailable`.
    """
    from decoding.loading.loader import checkpoint_file, download  # imports torch

    target = root / checkpoint_file(name)
    if target.is_file():
        return download(name, root)  # which reads and verifies it
    total = round(OFFICIAL_MEGABYTES[name] * MB)
    with (
        report.download(f"{name} from OpenAI", total) as moved,
        _watched(target, moved),
        redirect_stderr(io.StringIO()),  # openai-whisper draws a bar of its own
    ):
        return download(name, root)


@contextmanager
def _watched(target: Path, moved: Moved) -> Iterator[None]:
    """Tell how large the file is while it grows."""
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(LOOK_SECONDS):
            if target.is_file():
                moved(target.stat().st_size)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
