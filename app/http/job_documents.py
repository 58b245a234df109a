"""A job as its owner sees it."""

from __future__ import annotations

import time
from typing import Any

from app.errors import of_failure
from app.storage.store import Job


def job_document(job: Job) -> dict[str, Any]:
    """The object `job` of the API. Times are whole seconds since 1970."""
    return {
        "id": job.id,
        "object": "job",
        "status": job.status,
        "filename": job.file_name,
        "bytes": job.file_bytes,
        "model": job.model,
        "created_at": int(job.created),
        "started_at": _whole(job.started),
        "finished_at": _whole(job.finished),
        "expires_at": _whole(job.expires),
        "has_audio": job.status == "completed" and job.audio_expires is not None,
        "language": job.language,
        "progress": progress_document(job),
        "error": of_failure(job.failure).body()["error"] if job.failure else None,
    }


def progress_document(job: Job) -> dict[str, Any]:
    """Exact counts; the plan is None until the sound was decoded and searched for speech."""
    return {
        "windows_done": job.windows_done,
        "windows_planned": job.windows,
        "seconds_done": round(job.seconds_done, 3),
        "seconds_total": None if job.seconds is None else round(job.seconds, 3),
        "eta_seconds": _seconds_left(job),
    }


def _seconds_left(job: Job) -> float | None:
    """Until the job's end, counted from now; None while nobody can say, as when it is late."""
    if job.status == "completed":
        return 0.0
    if job.status != "running" or job.end_expected is None:
        return None
    left = job.end_expected - time.time()
    return round(left, 1) if left > 0 else None


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
