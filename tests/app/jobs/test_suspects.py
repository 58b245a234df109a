"""Who is given up when the service dies again and again: the job that stops it, and no other.

A death is simulated: the engine holds every window, and the next service begins with a copy of the
data folder. Real kills are in test_resume.py.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engines.opening import Tell
from app.engines.pool import EnginePool
from decoding.types import Clip, Decoder
from tests.app.calls import submit, until
from tests.app.conftest import Running, Start
from tests.app.planted import PlantedDecoder, copy_of, text_of, wav, wav_of
from tests.trust.engines import KILLS, sound_that

FRUITLESS_STARTS = 5
SOUNDS = [wav(300, seed=seed) for seed in range(7)]  # each a group of eight windows and one of two
ONE_JOB = 10  # windows
WINDOW_SAMPLES = 30 * 16_000


class MortalDecoder(PlantedDecoder):
    """Dies at a clip that begins with `KILLS`, and when more than so many new windows are asked
    for; then it holds them all. New is what is not in `known`."""

    def __init__(self, known: set[bytes], windows: int | None) -> None:
        super().__init__(slots=4, free_windows=0)
        self.has_died = False
        self._known = known
        self._windows_left = windows

    def _is_free(self, clip: Clip) -> bool:
        name = clip.samples.tobytes()
        if name not in self._known and self._windows_left is not None:
            self._windows_left -= 1
        self.has_died |= bool(clip.samples[0] == KILLS) or (self._windows_left or 0) < 0
        if not self.has_died:
            self._known.add(name)
        return not self.has_died


class Lives:
    """Services in a row, each on the data folder that the death of the one before left.

    `is_late`: the engine is opened when the service is at work, as real ones are.
    """

    def __init__(self, start: Start, folder: Path, *, is_late: bool = False) -> None:
        self._start = start
        self._folder = folder
        self._is_late = is_late
        self._known: set[bytes] = set()
        self.deaths = 0
        self.ids: list[str] = []

    def live(
        self, sounds: Sequence[bytes] = (), *, windows: int | None = None
    ) -> list[dict[str, Any]]:
        """One life, in which these are submitted; the jobs when all have ended, none: it died."""
        decoder = MortalDecoder(self._known, windows)
        with ExitStack() as stack:
            running = self._started(decoder, stack)
            with running.client() as client:
                self.ids += [submit(client, sound).json()["id"] for sound in sounds]
            until(lambda: decoder.has_died or not unfinished(running), "all jobs have ended")
            if not decoder.has_died:
                return documents_of(running, self.ids)
            self.deaths += 1
            self._folder = copy_at_rest(self._folder, self._folder.with_name(f"{self.deaths}"))
        return []

    def _started(self, decoder: Decoder, stack: ExitStack) -> Running:
        may_open = threading.Event()

        engines = late_pool(decoder, may_open) if self._is_late else EnginePool.of(decoder)
        running = self._start(
            decoder,
            engines=engines,
            until=stack,
            data_dir=self._folder,
            running_jobs=len(SOUNDS),
            fruitless_starts=FRUITLESS_STARTS,
        )
        is_under_way = running.service.workflows.is_under_way
        until(lambda: not any(self._is_late and is_under_way(one) for one in self.ids), "all wait")
        may_open.set()
        return running


def late_pool(decoder: Decoder, may_open: threading.Event) -> EnginePool:
    """A pool whose engine is opened when it may be."""

    def opening(tell: Tell) -> Decoder:
        may_open.wait()
        return decoder

    return EnginePool({"planted": opening})


def unfinished(running: Running) -> set[str]:
    """Statuses of the jobs that have not ended."""
    store = running.service.store
    return {job.status for job in store.unfinished(running.service.executor)}


def documents_of(running: Running, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Each job, with the text that it came to."""
    with running.client() as client:
        jobs = [client.get(f"/v1/jobs/{job_id}").json() for job_id in ids]
        for job in jobs:
            job["text"] = client.get(f"/v1/jobs/{job['id']}/transcript").json().get("text")
    return jobs


def copy_at_rest(folder: Path, target: Path) -> Path:
    """A copy of a data folder in whose database nobody writes meanwhile."""
    with closing(sqlite3.connect(folder / "longform.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        copy_of(folder, target)
        database.execute("ROLLBACK")
    return target


def poison(window: int) -> bytes:
    """A recording of which the engine dies at this window."""
    samples = np.frombuffer(SOUNDS[3][44:], "<i2").copy()
    samples[window * WINDOW_SAMPLES :][:WINDOW_SAMPLES] = sound_that(KILLS, 30)
    return wav_of(samples)


def test_a_job_that_always_comes_last_is_not_given_up(start: Start, tmp_path: Path):
    """Every life is long enough for one job and too short for two; all are at work in each."""
    lives = Lives(start, tmp_path / "0")
    jobs = lives.live(SOUNDS, windows=ONE_JOB)
    while not jobs:
        jobs = lives.live(windows=ONE_JOB)
    assert lives.deaths > FRUITLESS_STARTS
    assert [job["text"] for job in jobs] == [text_of(sound) for sound in SOUNDS]


@pytest.mark.parametrize(
    ("window", "is_late"),
    [(0, False), (0, True), (9, False)],
    ids=["at once", "with an engine that opens later", "behind what it finished"],
)
@pytest.mark.row("F6")
def test_a_job_that_stops_the_service_is_given_up_and_no_other(
    start: Start, tmp_path: Path, window: int, is_late: bool
):
    lives = Lives(start, tmp_path / "0", is_late=is_late)
    jobs = lives.live([poison(window), *SOUNDS[:3]])
    while not jobs:
        jobs = lives.live()
    bad, *good = jobs
    assert (bad["status"], bad["error"]["code"]) == ("failed", "job_stops_service")
    assert [job["text"] for job in good] == [text_of(sound) for sound in SOUNDS[:3]]
    assert lives.deaths <= 2 * FRUITLESS_STARTS  # a group that it keeps begins the count anew
