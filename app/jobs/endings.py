"""How jobs end: what the store is told, how long their sound and text are kept, who hears of it.

Stops nothing and removes no file: app/jobs/runs.py does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from app.errors import Failure
from app.jobs.notifications import Notifications
from app.settings import DAY, Settings
from app.storage.codecs import encode_transcript
from app.storage.shared_queue import QUEUE
from app.storage.store import Job, Kind, Status, Store
from transcription.types import Transcript

JobEnded = Callable[[Job], None]

log = logging.getLogger(__name__)


class Endings:
    """Ends jobs in the store, each once. `watchers` hear of every end, in the thread of it."""

    def __init__(
        self, settings: Settings, store: Store, notifications: Notifications, executor: str
    ) -> None:
        self._executor = executor
        self._settings = settings
        self._store = store
        self._notifications = notifications
        self.watchers: list[JobEnded] = []

    def complete(self, job: Job, transcript: Transcript) -> bool:
        """Store the transcript; False when the job had ended before, or is another's by now."""
        values = {**self._times(job.kind), "language": transcript.language}
        values |= {"seconds": transcript.duration, "seconds_done": transcript.duration}
        values["model"] = transcript.model
        encoded = encode_transcript(transcript)
        has_ended = self._store.complete(job.id, encoded, values, generation=job.generation)
        if has_ended:
            self._ended(job.id)
        return has_ended

    def finish(
        self, job_id: str, status: Status, failure: Failure, *, generation: int | None = None
    ) -> bool:
        """End a job without a transcript; False when it had ended before, or is unknown or, where
        a generation is given, is of another one by now."""
        job = self._store.find(job_id)
        if job is None:
            return False
        values = {f"error_{name}": value for name, value in asdict(failure).items()}
        values |= self._times(job.kind)
        if job.executor == QUEUE:  # nobody had it yet; who ends it keeps it
            values["executor"] = self._executor
        has_ended = self._store.finish(job_id, status, values, generation=generation)
        if has_ended:
            self._ended(job_id)
        return has_ended

    def _times(self, kind: Kind) -> dict[str, Any]:
        now = time.time()
        if kind == "request":
            expires = now + self._settings.request_grace_seconds
            return {"finished": now, "expires": expires, "audio_expires": expires}
        return {
            "finished": now,
            "expires": now + self._settings.result_days * DAY,
            "audio_expires": now + self._settings.audio_days * DAY,
        }

    def _ended(self, job_id: str) -> None:
        self._notifications.notify(job_id)
        job = self._store.find(job_id)
        if job is not None:
            log.info("job ended", extra={"fields": _figures(job)})
            for watcher in self.watchers:
                watcher(job)


def _figures(job: Job) -> dict[str, Any]:
    """What the log says of a job that ended: nothing of its content."""
    return {
        "job": job.id,
        "status": job.status,
        "code": job.error_code,
        "sound_seconds": job.seconds,
        "windows": job.windows_done,
    }
