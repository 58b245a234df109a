"""`python -m app worker`: an engine on this host, and the worker that feeds it."""

from __future__ import annotations

import logging
import signal
import threading

from app.logs import log_to_stderr
from app.settings import Settings
from app.workers.opening import check, kind_of, open_worker
from decoding.types import Decoder

log = logging.getLogger("app.start")


def run_worker(settings: Settings) -> None:
    """Fetch the model, open its engine, and work until SIGTERM or SIGINT. Raises as `open_worker`
    does, and ValueError when the driver of the database is missing."""
    check(settings)
    log_to_stderr()
    worker, stopping = open_worker(settings, lambda: _engine_of(settings)), threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopping.set()
        worker.wake()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    kind = kind_of(settings)
    fields = {"model": kind.model, "release": kind.release}
    log.info("the worker takes windows", extra={"fields": fields})
    worker.run(stopping)


def _engine_of(settings: Settings) -> Decoder:
    """Open, and warm."""
    from transcription.models import open_decoder
    from transcription.warm_up import warm_up

    decoder = open_decoder(settings.of_an_engine(), own_process=True, prepare=log_to_stderr)
    try:
        warm_up(decoder)
    except BaseException:
        decoder.close()
        raise
    return decoder
