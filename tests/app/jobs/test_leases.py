"""Several services, one queue: whoever dies, pauses or loses its database, nothing is lost or
written twice."""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.jobs.leases import Lease
from app.storage.folders import MARK, Folders, FolderUnusable
from tests.app.calls import until
from tests.app.killing import FINISHED, DidNotStart, Killable
from tests.app.planted import text_of, wav
from tests.app.two_services import LEASE_SECONDS, Pair, Wire, two_services
from tests.trust.table import Row

GOAL_SECONDS = 30.0  # until the jobs of a dead service are taken over
PACE_SECONDS = 0.15  # of a window; four at once in each service
OPEN_STEPS = 2  # of a job beside one other
NIGHT_PACE_SECONDS = 1.0  # that much is left to do when a killed service is back


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with tempfile.TemporaryDirectory(prefix="wire-") as folder:  # a socket's path must be short
        yield Wire(Path(folder))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> Iterator[Pair]:
    """Every test leaves both services running."""
    folder = tmp_path_factory.mktemp("pair")
    with two_services(folder, "--pace", str(PACE_SECONDS), wire=wire) as pair:
        yield pair


class Queue:
    """Answers as the database would, without one."""

    def __init__(self) -> None:
        self.is_held = True
        self.takes = 0

    def renew(self) -> bool:
        return self.is_held

    def take_over(self) -> list[str]:
        self.takes += 1
        return ["service-dead"]


def lease_of(queue: Any, seconds: float) -> Lease:
    return Lease(queue, seconds)


def test_who_was_away_itself_takes_nothing_over_at_once():
    """Others that could not reach the database either have not died."""
    queue = Queue()
    lease = lease_of(queue, 0.2)
    lease.beat()
    assert queue.takes == 1
    assert lease.has_taken.is_set()
    time.sleep(0.21)
    lease.beat()
    assert queue.takes == 1
    time.sleep(0.1)
    lease.beat()
    assert queue.takes == 1
    time.sleep(0.1)
    lease.beat()
    assert queue.takes == 2


def test_who_lost_its_lease_takes_nothing_over_at_once():
    queue = Queue()
    lease = lease_of(queue, 3600.0)
    queue.is_held = False
    lease.beat()
    queue.is_held = True
    lease.beat()
    assert queue.takes == 0


@pytest.mark.timeout(600)
def test_another_folder_is_refused_in_a_sentence(pair: Pair, tmp_path: Path):
    service = Killable(tmp_path / "data", *pair.services[1].arguments)
    with pytest.raises(DidNotStart):
        service.start()
    stranger = Folders(tmp_path / "data", is_shared=True)
    agreed = (pair.services[0].folder / MARK).read_text()
    with pytest.raises(FolderUnusable, match=f"mount theirs .*{agreed}"):
        stranger.check_mark(agreed)
    stranger.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_jobs_of_a_service_that_was_alone_are_taken_along(pair: Pair, tmp_path: Path):
    """It shared nothing, was killed, and is started again with the setting that shares."""
    sound = wav(300, seed=5)
    given = ("--database", pair.new_database("alone"), "--pace", str(PACE_SECONDS))
    alone = Killable(tmp_path / "data", *given)
    sharing = Killable(tmp_path / "data", *given, "--lease", str(LEASE_SECONDS))
    alone.start()
    job_id = alone.submit(sound)
    until(lambda: alone.windows("done"), "it works")
    alone.kill()
    sharing.start()
    until(lambda: sharing.jobs()[job_id]["status"] in FINISHED, "it goes on")
    assert sharing.transcript(job_id)["text"] == text_of(sound)
    sharing.kill()


class Work:
    """Four jobs of different sounds, given to both services in turn."""

    def __init__(self, pair: Pair, seconds_of_sound: int) -> None:
        self._pair = pair
        self._before = len(pair.windows())
        self._sounds = [wav(seconds_of_sound, seed=seed) for seed in range(4)]
        self.windows = 4 * seconds_of_sound // 30
        self.ids = [pair.services[n % 2].submit(sound) for n, sound in enumerate(self._sounds)]

    def wait_for_windows(self, count: int) -> None:
        """Until so many were decoded in all, by either service."""
        until(lambda: len(self._pair.windows()) - self._before >= count, f"{count} are decoded")

    def one_at_work(self) -> Killable:
        """A service that has running jobs."""
        until(self._pair.at_work, "one works")
        return self._pair.at_work()[0]

    def check(self) -> None:
        """All is as if nothing had happened, whichever service is asked; nothing was done twice."""
        for service in self._pair.services:
            until(lambda asked=service: not self._unfinished(asked), "all have ended")
            for job_id, sound in zip(self.ids, self._sounds, strict=True):
                assert service.transcript(job_id)["text"] == text_of(sound)
                numbers = service.segment_ids(job_id)
                assert numbers == list(range(len(numbers)))
        written = self._pair.written(self.ids)
        assert {name.partition(" ")[0] for name in written} == set(self.ids)
        assert set(written.values()) == {1}, written

    def _unfinished(self, service: Killable) -> list[str]:
        jobs = service.jobs()
        return [job_id for job_id in self.ids if jobs[job_id]["status"] not in FINISHED]


def kill_one_of_two(pair: Pair, kills: int, seconds_of_sound: int) -> list[float]:
    """Four jobs, and each time one that works is killed; seconds until its jobs were another's."""
    work = Work(pair, seconds_of_sound)
    chance = random.Random(21)
    taken = []
    for moment in sorted(chance.sample(range(1, work.windows * 2 // 3), kills)):
        work.wait_for_windows(moment)
        work.one_at_work()
        victim = chance.choice(pair.at_work())
        victim.kill()
        began = time.monotonic()
        pair.wait_for_takeover(victim)
        taken.append(time.monotonic() - began)
        pair.start(victim)
    work.check()
    return taken


@pytest.mark.timeout(600)
@pytest.mark.row("F1")
def test_a_killed_service_is_replaced_by_the_other(
    request: pytest.FixtureRequest, tmp_path: Path, row: Row
):
    kills = row.amount(1, 10)
    with ExitStack() as stack:
        if kills == 1:
            pair = request.getfixturevalue("pair")
        else:
            pace = str(NIGHT_PACE_SECONDS)
            pair = stack.enter_context(two_services(tmp_path, "--pace", pace))
        taken = kill_one_of_two(pair, kills, seconds_of_sound=300 + 300 * kills)
    row.tell(
        f"{kills} kills of one of two services on one Postgres: 0 of 4 jobs lost, 0 words differ, "
        f"no window written twice, taken over within {max(taken):.1f} s "
        f"(a lease of {LEASE_SECONDS} s)"
    )
    assert row.within(max(taken), GOAL_SECONDS)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stopped_service_hands_its_jobs_on(pair: Pair):
    work = Work(pair, 450)
    work.wait_for_windows(5)
    stopped = work.one_at_work()
    stopped.kill(signal.SIGTERM)
    pair.wait_for_takeover(stopped)
    pair.start(stopped)
    work.check()


@pytest.mark.timeout(600)
def test_a_paused_service_is_fenced_off(pair: Pair):
    """It does not know that it was away, and writes what it decoded; and then serves again.

    What it was at has been decoded by the other meanwhile: a second writing would be seen.
    """
    work = Work(pair, 1200)
    work.wait_for_windows(1)
    paused = work.one_at_work()
    its_jobs = pair.jobs_of(paused)
    paused.pause()
    pair.wait_for_takeover(paused)
    until(
        lambda: all(len(pair.written([job_id])) >= OPEN_STEPS for job_id in its_jobs),
        "the other has done what it was at",
    )
    paused.go_on()
    until(lambda: pair.has_lease(paused), "it has a new lease")
    work.check()
    other = pair.other(paused)
    other.kill()
    after = wav(60, seed=9)
    job_id = paused.submit(after)
    until(lambda: paused.jobs()[job_id]["status"] in FINISHED, "it works again")
    assert paused.transcript(job_id)["text"] == text_of(after)
    pair.start(other)


@pytest.mark.timeout(600)
def test_what_was_deleted_meanwhile_stays_deleted(pair: Pair):
    work = Work(pair, 450)
    work.wait_for_windows(9)
    paused = work.one_at_work()
    paused.pause()
    pair.wait_for_takeover(paused)
    with pair.other(paused).client() as client:
        for job_id in work.ids:
            while client.delete(f"/v1/jobs/{job_id}").status_code == 204:
                pass  # cancelled, then removed
    paused.go_on()
    until(lambda: pair.has_lease(paused), "it has a new lease")
    folders = [paused.folder / "jobs" / job_id for job_id in work.ids]
    until(lambda: not any(folder.exists() for folder in folders), "their folders are gone")
    for service in pair.services:
        assert not set(work.ids) & service.jobs().keys()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "is_long",
    [pytest.param(False, marks=pytest.mark.slow, id="short"), pytest.param(True, id="long")],
)
def test_a_cut_connection_to_the_database_loses_nothing(pair: Pair, wire: Wire, is_long: bool):
    work = Work(pair, 450)
    work.wait_for_windows(9)
    wire.cut()
    if is_long:
        pair.wait_for_takeover(pair.services[0])
    wire.mend()
    until(lambda: pair.has_lease(pair.services[0]), "it has a lease")
    work.check()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_database_that_ends_every_connection_loses_nothing(pair: Pair):
    work = Work(pair, 300)
    for moment in (5, 15, 25):
        work.wait_for_windows(moment)
        pair.cut_connections()
    work.check()
