"""Four jobs during which something is ended: nothing of them may be lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.app.calls import until
from tests.app.killing import FINISHED, Killable
from tests.app.planted import text_of, wav

JOBS = 4


def windows_of(seconds: int) -> int:
    """Of all four, each of so many seconds of sound."""
    return JOBS * seconds // 30


def seconds_after(
    disturb: Callable[[], None], service: Killable, seconds: int, number: int, earliest: int
) -> float:
    """How long after `disturb` all four had ended, whose texts are checked.

    It is called when at least `earliest` windows are decoded, and at most half of them. `number`
    makes the sound another one each time.
    """
    sounds = [wav(seconds, seed=10 * number + index) for index in range(JOBS)]
    before = len(service.windows("done"))
    ids = [service.submit(sound) for sound in sounds]
    moment = before + random.randint(earliest, windows_of(seconds) // 2)
    until(lambda: len(service.windows("done")) >= moment, f"{moment} windows are decoded")
    began = time.monotonic()
    disturb()
    until(lambda: _all_have_ended(service, ids), "all have ended")
    took = time.monotonic() - began
    for job_id, sound in zip(ids, sounds, strict=True):
        assert service.transcript(job_id)["text"] == text_of(sound)
    return took


def _all_have_ended(service: Killable, ids: list[str]) -> bool:
    jobs = service.jobs()
    assert all(jobs[job_id]["status"] != "failed" for job_id in ids), jobs
    return all(jobs[job_id]["status"] in FINISHED for job_id in ids)
