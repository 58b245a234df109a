"""The two ends of the queue of LONGFORM_WORKERS_URL: a service's `Decoder`, and a worker.

Which windows go there is nobody's here: a service with that setting sends all of them.
"""

from __future__ import annotations

import importlib.util
import socket
import threading
import time
import uuid
from collections.abc import Callable

from app.release import release
from app.settings import Settings
from app.storage.asked_clips import AskedClips, WorkerCard
from app.storage.clip_queue import EngineKind
from app.storage.taken_clips import TakenClips
from app.workers.queue_decoder import QueueDecoder
from app.workers.worker import Worker
from decoding.cluster.serve_decoder import Limits
from decoding.errors import EngineAway
from decoding.types import Decoder
from transcription.cluster import ANSWER_PATIENCE
from transcription.model_names import public_name

EXTRA = "workers need the package of Postgres: sh setup.sh --extra postgres .venv"
PATIENCE_SECONDS = 30.0  # with which the first worker is waited for
LOOK_SECONDS = 0.5
FEWEST_CLIPS = 1024
CLIPS_OF_A_SLOT = 4


def check(settings: Settings) -> None:
    """Raise ValueError when the driver of the database is missing."""
    if settings.workers_url is not None and importlib.util.find_spec("psycopg") is None:
        raise ValueError(EXTRA)


def told(settings: Settings) -> str:
    """One sentence for people: where windows are decoded."""
    return f"workers (python -m app worker) decode {kind_of(settings).model}; none is asked here"


def kind_of(settings: Settings) -> EngineKind:
    """The workers that decode what these settings ask for."""
    name = public_name(settings.model)
    adapted = name if settings.adapter is None else f"{name}+{settings.adapter.name}"
    return EngineKind(adapted, release())


def open_workers(settings: Settings, stopping: threading.Event) -> Decoder:
    """The way to the workers. Raises `EngineAway` where none came for a while, or `stopping`."""
    assert settings.workers_url is not None
    name = f"asker-{uuid.uuid4().hex[:12]}"
    clips = AskedClips(settings.workers_url, name, kind_of(settings), settings.lease_seconds)
    try:
        found = _awaited(clips.workers, stopping)
        most = max(FEWEST_CLIPS, CLIPS_OF_A_SLOT * sum(one.slots for one in found))
        limits = Limits(most, answer_seconds=ANSWER_PATIENCE * settings.watchdog_seconds)
        return QueueDecoder(clips, found, settings.lease_seconds, limits)
    except BaseException:
        clips.close()
        raise


def open_worker(settings: Settings, open_engine: Callable[[], Decoder]) -> Worker:
    """A worker whose engine is one of these settings; opened when the database is known to be
    there. Raises `DatabaseUnusable`, `DATABASE_ERRORS`, and what opening the engine raises."""
    assert settings.workers_url is not None
    name = f"worker-{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
    clips = TakenClips(settings.workers_url, name, kind_of(settings), settings.lease_seconds)
    try:
        return Worker(open_engine(), clips, settings.lease_seconds)
    except BaseException:
        clips.close()
        raise


def _awaited(look: Callable[[], list[WorkerCard]], stopping: threading.Event) -> list[WorkerCard]:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if stopping.wait(LOOK_SECONDS) or time.monotonic() > give_up:
            raise EngineAway("no worker of this model and release is there yet")
    return found
