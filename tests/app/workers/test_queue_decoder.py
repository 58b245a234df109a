"""Workers on a real Postgres: what every engine promises, and what becomes of clips when a worker,
its engine, a row or the database is gone."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from app.storage.asked_clips import WorkerCard
from app.storage.clip_tables import clips
from app.storage.tables import open_engine
from app.workers.queue_decoder import QueueDecoder
from decoding.cluster.serve_decoder import Limits
from decoding.errors import (
    EngineAway,
    EngineFailed,
    PoisonClip,
    QueueFull,
    ReplicaLost,
    UnsupportedOption,
)
from decoding.process.engine_process import EngineProcess, Restarts
from decoding.types import Clip, Decoded, DecodingOptions
from tests.app.calls import until
from tests.app.workers.conftest import LEASE_SECONDS, Bench
from tests.app.workers.planted_clips import PlantedClips
from tests.decoding import fakes
from tests.decoding.fakes import CARD, OneByOne, Summing, clip, decoded, expected

OPTIONS = DecodingOptions(language="en")
PATIENCE = 60.0
QUICK = Restarts(in_a_row=5, first_delay=0.01)


class Gated(OneByOne):
    """Decodes what it may; every clip is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Semaphore(0)
        self.seen: list[int] = []
        self.cancelled: list[str] = []

    def cancel(self, group: str) -> None:
        self.cancelled.append(group)
        super().cancel(group)

    def decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        self.seen.append(clip.seed)
        self.free.acquire()
        return decoded(f"{clip.seed}")


class Failing(OneByOne):
    """Its engine is lost at every clip."""

    def decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        raise EngineFailed("its device is lost")


def texts(futures: list[Any]) -> list[str]:
    return [future.result(PATIENCE).text for future in futures]


def test_results_come_back_under_their_clip_from_every_worker(bench: Bench):
    engines = [Summing(0.01), Summing(0.01)]
    for engine in engines:
        bench.work(engine)
    decoder = bench.open()
    assert decoder.model == CARD
    assert decoder.statistics().slots == 2
    futures = [decoder.submit(clip(value), OPTIONS) for value in range(1, 61)]
    assert texts(futures) == [expected(value) for value in range(1, 61)]
    assert all(engine.statistics().windows_decoded > 10 for engine in engines)
    assert decoder.statistics().windows_decoded == 60


def test_windows_arrive_exactly(bench: Bench):
    bench.work(Summing())
    whole = clip(3, length=480_000, dtype=np.float32)
    assert texts([bench.open().submit(whole, OPTIONS)]) == [expected(3, 480_000)]


def test_errors_keep_their_class_and_words(bench: Bench):
    bench.work(EngineProcess(Summing))
    decoder = bench.open()
    with pytest.raises(UnsupportedOption, match="not this one"):
        decoder.submit(clip(fakes.UNSUPPORTED), OPTIONS).result(PATIENCE)
    with pytest.raises(QueueFull, match="full"):
        decoder.submit(clip(fakes.FULL), OPTIONS).result(PATIENCE)
    with pytest.raises(ReplicaLost, match="StrangeError: strange"):
        decoder.submit(clip(fakes.STRANGE), OPTIONS).result(PATIENCE)


def test_poison_is_told_and_its_company_is_not(bench: Bench):
    bench.work(EngineProcess(Summing, restarts=QUICK))
    decoder = bench.open()
    values = [1, 2, fakes.POISON, 3, 4, 5]
    futures = {v: decoder.submit(clip(v, group=f"of {v}"), OPTIONS) for v in values}
    with pytest.raises(PoisonClip):
        futures.pop(fakes.POISON).result(PATIENCE)
    assert texts(list(futures.values())) == [expected(value) for value in futures]


def test_a_failed_engine_of_several_is_a_lost_replica(bench: Bench):
    bench.work(Failing())
    with pytest.raises(ReplicaLost, match="its device is lost"):
        bench.open().submit(clip(1), OPTIONS).result(PATIENCE)


def test_where_speech_is_is_asked_for_again(bench: Bench):
    failing = Failing()
    bench.work(failing)
    future = bench.open().submit(clip(1), DecodingOptions(task="voice_activity"))
    with pytest.raises(ReplicaLost):
        future.result(PATIENCE)
    until(lambda: failing.turns == 3, "three tries")


def test_cancel_reaches_the_worker_and_drops_the_group_alone(bench: Bench):
    engine = Gated()
    bench.work(engine)
    decoder = bench.open()
    mine = [decoder.submit(clip(value, group="mine"), OPTIONS) for value in range(1, 40)]
    until(lambda: engine.seen, "the first is decoded")
    other = decoder.submit(clip(50, group="other"), OPTIONS)
    decoder.cancel("mine")
    assert all(one.cancelled() for one in mine)
    until(lambda: engine.cancelled, "the worker is told")
    engine.free.release(10)
    assert texts([other, decoder.submit(clip(51, group="mine"), OPTIONS)]) == ["50", "51"]
    assert len(engine.seen) <= 4  # of the many one at work, one ahead


def test_a_full_queue_is_refused_at_once_and_opens_again(bench: Bench):
    engine = Gated()
    bench.work(engine)
    decoder = bench.open(clips=2)
    futures = [decoder.submit(clip(value), OPTIONS) for value in (1, 2)]
    with pytest.raises(QueueFull):
        decoder.submit(clip(3), OPTIONS)
    engine.free.release(3)
    assert texts(futures) == ["1", "2"]
    assert texts([decoder.submit(clip(3), OPTIONS)]) == ["3"]


def test_closing_leaves_the_workers_to_others(bench: Bench):
    engine = Gated()
    bench.work(engine)
    closed, other = bench.open(), bench.open()
    futures = [closed.submit(clip(value), OPTIONS) for value in range(1, 20)]
    until(lambda: engine.seen, "the first is decoded")
    closed.close()
    closed.close()
    assert all(future.cancelled() for future in futures)
    assert not closed.is_alive
    with pytest.raises(EngineFailed):
        closed.submit(clip(1), OPTIONS)
    engine.free.release(10)
    assert texts([other.submit(clip(30), OPTIONS)]) == ["30"]


def test_a_stopped_worker_hands_on_what_it_has(bench: Bench):
    stuck, quick = Gated(), Summing()
    bench.work(stuck)
    decoder = bench.open()
    futures = [decoder.submit(clip(value), OPTIONS) for value in (1, 2)]
    until(lambda: stuck.seen, "it is at work")
    bench.work(quick)
    bench.stop(stuck)
    assert texts(futures) == [expected(1), expected(2)]
    stuck.free.release(10)


def test_no_worker_is_an_engine_that_is_away_and_comes_back(bench: Bench):
    stuck = Gated()
    bench.work(stuck)
    decoder = bench.open()
    waiting = decoder.submit(clip(1), OPTIONS)
    until(lambda: stuck.seen, "it is at work")
    bench.stop(stuck)
    with pytest.raises(EngineAway, match="no worker"):
        waiting.result(PATIENCE)
    assert not decoder.is_alive
    with pytest.raises(EngineAway):
        decoder.submit(clip(2), OPTIONS)
    bench.work(Summing())
    until(lambda: decoder.is_alive, "a worker is there")
    assert texts([decoder.submit(clip(3), OPTIONS)]) == [expected(3)]
    stuck.free.release(10)


def test_a_worker_whose_engine_is_away_is_none(bench: Bench):
    """Its process died too often: what it had goes to the other."""
    away = EngineProcess(partial(Summing, 60.0), restarts=Restarts(0, 60.0, 60.0))
    bench.work(away)
    decoder = bench.open()
    waiting = decoder.submit(clip(1), OPTIONS)
    until(lambda: bench.num_taken() == 1, "it is at work")
    bench.work(Summing())
    os.kill(away.pid, signal.SIGKILL)
    assert texts([waiting, decoder.submit(clip(2), OPTIONS)]) == [expected(1), expected(2)]
    assert not away.is_alive
    until(lambda: decoder.statistics().slots == 1, "one worker is left")


def test_a_row_that_is_gone_is_a_lost_replica(bench: Bench):
    """As after a crash of the database, which keeps no clips."""
    engine = Gated()
    bench.work(engine)
    decoder = bench.open()
    future = decoder.submit(clip(1), OPTIONS)
    until(lambda: engine.seen, "it is at work")
    database = open_engine(bench.url)
    with database.begin() as connection:
        connection.execute(sa.delete(clips))
    database.dispose()
    with pytest.raises(ReplicaLost, match="row"):
        future.result(PATIENCE)
    engine.free.release(10)


def test_no_answer_in_time_is_a_lost_replica(bench: Bench):
    engine = Gated()
    bench.work(engine)
    decoder = bench.open(answer_seconds=0.3)
    with pytest.raises(ReplicaLost, match="no answer"):
        decoder.submit(clip(1), OPTIONS).result(PATIENCE)
    until(lambda: engine.cancelled, "the worker is told")
    engine.free.release(10)


def test_a_silent_database_is_an_engine_that_is_away():
    """Nobody waits for the call that is in the database's hands."""
    silent = PlantedClips()
    decoder = QueueDecoder(silent, [WorkerCard(CARD, 1)], LEASE_SECONDS, Limits(1, 60.0, 0.5, 0.05))
    waiting = decoder.submit(clip(1), OPTIONS)
    until(lambda: silent.asked, "it is sent")
    silent.is_silent = True
    with pytest.raises(EngineAway, match="out of reach"):
        waiting.result(PATIENCE)
    assert not decoder.is_alive
    silent.speaks.set()
    silent.is_silent = False
    until(lambda: decoder.is_alive, "it is heard again")
    until(lambda: silent.dropped == {0}, "what nobody waits for is deleted")
    decoder.close()


def test_looks_are_its_steps(bench: Bench):
    bench.work(Summing())
    decoder = bench.open()
    before = decoder.statistics().steps
    until(lambda: decoder.statistics().steps > before + 2, "it looks")
    assert texts([decoder.submit(clip(1), OPTIONS)]) == [expected(1)]
