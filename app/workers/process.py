"""`python -m app worker`: an engine on this host, and the worker that feeds it."""

from __future__ import annotations

import logging
import signal
import threading

from app.logs import log_to_stderr
from app.settings import Settings
from app.workers.opening import check, kind_of, open_worker

log = logging.getLogger("app.start")


def run_worker(settings: Settings) -> None:
    """Fetch the model, open its engine, and work until SIGTERM or SIGINT.

    Raises what opening the engine raises, and `DatabaseUnusable` or `DATABASE_ERRORS` where the
    database cannot be used from the start.
    """
    from transcription.models import open_decoder
    from transcription.warm_up import warm_up

    check(settings)
    log_to_stderr()
    decoder = open_decoder(settings.of_an_engine(), own_process=True, prepare=log_to_stderr)
    stopping = threading.Event()
    try:
        warm_up(decoder)
        worker = open_worker(settings, decoder)

        def stop(_number: int, _frame: object) -> None:
            stopping.set()
            worker.wake()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        kind = kind_of(settings)
        fields = {"model": kind.model, "release": kind.release, "device": decoder.model.device}
        log.info("the worker takes windows", extra={"fields": fields})
        worker.run(stopping)
    finally:
        decoder.close()
