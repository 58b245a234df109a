"""How a model's engine is opened: brought here, loaded, and warmed up.

Whether and when that is done is app/engines/pool.py's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from app.engines.pool import Opening
from app.engines.states import Progress
from app.logs import log_to_stderr
from app.settings import Settings
from app.workers.opening import open_workers
from decoding.types import Decoder
from transcription.fetch_report import Moved
from transcription.model_names import public_name
from transcription.settings import Settings as TranscriptionSettings

Tell = Callable[[Progress], None]

log = logging.getLogger(__name__)


class Abandoned(Exception):
    """The service stops; nobody waits for the model any more."""


def openings_of(settings: Settings, stopping: threading.Event) -> Mapping[str, Opening]:
    """How to open each model of the settings, the default first. A download ends at `stopping`."""
    return {public_name(one.model): ModelOpening(one, stopping) for one in settings.each_model()}


class ModelOpening:
    """Opens the engine of one model; what it had to be replaced by, it stays."""

    def __init__(self, settings: Settings, stopping: threading.Event) -> None:
        self._given = settings
        self._settings: TranscriptionSettings = settings
        self._stopping = stopping

    def __call__(self, tell: Tell) -> Decoder:
        from transcription import models  # what loads torch waits until the port is open

        self._settings = models.settled(self._settings, _Report(tell, self._stopping))
        if self._given.workers_url is not None:
            tell(Progress("waiting_for_worker"))
            decoder = open_workers(self._given, self._stopping)
        else:
            tell(Progress("loading"))
            decoder = models.open_decoder(self._settings, own_process=True, prepare=log_to_stderr)
        try:
            tell(Progress("warming_up"))
            from transcription.warm_up import warm_up

            warm_up(decoder)
        except BaseException:
            decoder.close()
            raise
        return decoder


class _Report:
    """Tells the pool how far a download is, and the log the rest."""

    def __init__(self, tell: Tell, stopping: threading.Event) -> None:
        self._tell = tell
        self._stopping = stopping

    def tell(self, sentence: str) -> None:
        log.warning(sentence)

    @contextmanager
    def download(self, what: str, total_bytes: int) -> Iterator[Moved]:
        log.info("download", extra={"fields": {"what": what, "bytes": total_bytes}})

        def moved(done: int) -> None:
            if self._stopping.is_set():
                raise Abandoned
            self._tell(Progress("downloading", min(done, total_bytes), total_bytes))

        moved(0)
        yield moved
