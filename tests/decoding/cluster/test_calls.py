"""Calls of replicas without Ray: what comes of them when a cluster is silent or an engine fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from decoding.cluster.engine_replica import EngineReplica
from decoding.cluster.serve_decoder import Limits, ServeDecoder
from decoding.errors import EngineAway, EngineFailed, PoisonClip, QueueFull, ReplicaLost
from decoding.types import Clip, DecodingOptions, EngineStatistics
from tests.decoding.fakes import CARD, clip, decoded

OPTIONS = DecodingOptions(language="en")
PATIENCE = 10.0


class Answer:
    """What Serve gives for a call: it can be awaited, and cancelled."""

    def __init__(self, replicas: PlantedReplicas, clip: Clip) -> None:
        self._replicas = replicas
        self._clip = clip

    def __await__(self):
        return self._wait().__await__()

    async def _wait(self) -> object:
        while not self._replicas.outcomes:
            await asyncio.sleep(0.01)
        return self._replicas.outcomes.pop(0)

    def cancel(self) -> None:
        self._replicas.cancelled.append(self._clip.group)


class PlantedReplicas:
    """Replicas that answer what the test says, when it has said it."""

    def __init__(self, running: int = 2) -> None:
        self.outcomes: list[object] = []
        self.asked: list[Clip] = []
        self.cancelled: list[str] = []
        self.running = running
        self.is_silent = False
        self.decode = self

    def handle(self) -> PlantedReplicas:
        return self

    def remote(self, clip: Clip, _options: DecodingOptions) -> Answer:
        self.asked.append(clip)
        return Answer(self, clip)

    def describe(self):
        return CARD, EngineStatistics(slots=4)

    def num_running(self) -> int:
        if self.is_silent:
            raise ConnectionError("gone")
        return self.running


@pytest.fixture
def replicas() -> PlantedReplicas:
    return PlantedReplicas()


@pytest.fixture
def decoder(replicas: PlantedReplicas) -> Iterator[ServeDecoder]:
    decoder = ServeDecoder(replicas, Limits(look_seconds=0.02))
    yield decoder
    decoder.close()


def test_a_failed_engine_of_several_is_a_lost_replica(replicas, decoder):
    replicas.outcomes = [EngineFailed("its device is lost"), EngineAway("died five times")]
    for words in ("its device is lost", "died five times"):
        with pytest.raises(ReplicaLost, match=words):
            decoder.submit(clip(1), OPTIONS).result(PATIENCE)


def test_the_only_engine_is_away(replicas):
    replicas.running = 1
    decoder = ServeDecoder(replicas)
    replicas.outcomes = [EngineAway("died five times")]
    with pytest.raises(EngineAway):
        decoder.submit(clip(1), OPTIONS).result(PATIENCE)
    decoder.close()


@pytest.mark.parametrize("outcome", [PoisonClip("twice"), QueueFull("full")])
def test_what_a_clip_is_told_stays_as_it_is(replicas, decoder, outcome):
    replicas.outcomes = [outcome]
    with pytest.raises(type(outcome), match=str(outcome)):
        decoder.submit(clip(1), OPTIONS).result(PATIENCE)


def test_a_window_is_never_asked_for_twice_where_speech_is_is(replicas, decoder):
    replicas.outcomes = [ReplicaLost("gone"), decoded("heard")]
    with pytest.raises(ReplicaLost):
        decoder.submit(clip(1), OPTIONS).result(PATIENCE)
    replicas.outcomes = [ReplicaLost("gone"), ReplicaLost("gone"), decoded("heard")]
    detecting = DecodingOptions(task="voice_activity")
    assert decoder.submit(clip(1), detecting).result(PATIENCE).text == "heard"


def test_no_answer_in_time_is_a_lost_replica(replicas):
    decoder = ServeDecoder(replicas, Limits(answer_seconds=0.05))
    with pytest.raises(ReplicaLost, match="no answer"):
        decoder.submit(clip(1), OPTIONS).result(PATIENCE)
    assert len(replicas.cancelled) == 1
    decoder.close()


def test_a_silent_cluster_is_given_up_when_all_are_answered(replicas):
    gone = threading.Event()
    limits = Limits(silence_seconds=0.2, look_seconds=0.02)
    decoder = ServeDecoder(replicas, limits, lost=gone.set)
    waiting = [decoder.submit(clip(1), OPTIONS) for _ in range(3)]
    replicas.is_silent = True
    assert gone.wait(PATIENCE)
    assert all(isinstance(one.exception(0), EngineAway) for one in waiting)
    assert not decoder.is_alive
    with pytest.raises(EngineAway):
        decoder.submit(clip(1), OPTIONS)
    decoder.close()


def test_a_cancel_is_of_the_clips_before_it(replicas, decoder):
    first = decoder.submit(clip(1, group="mine"), OPTIONS)
    other = decoder.submit(clip(2, group="other"), OPTIONS)
    decoder.cancel("mine")
    again = decoder.submit(clip(3, group="mine"), OPTIONS)
    assert first.cancelled()
    replicas.outcomes = [decoded("a"), decoded("b")]
    assert {other.result(PATIENCE).text, again.result(PATIENCE).text} == {"a", "b"}
    groups = [one.group for one in replicas.asked]
    assert len(set(groups)) == len(groups)
    assert set(replicas.cancelled) <= {groups[0]}


def test_closing_cancels_what_waits(replicas, decoder):
    waiting = [decoder.submit(clip(1), OPTIONS) for _ in range(3)]
    decoder.close()
    assert all(one.cancelled() for one in waiting)
    with pytest.raises(EngineFailed):
        decoder.submit(clip(1), OPTIONS)


def test_looks_are_its_steps(replicas, decoder):
    before = decoder.statistics().steps
    replicas.outcomes = [decoded("a")]
    decoder.submit(clip(1), OPTIONS).result(PATIENCE)
    threading.Event().wait(0.2)
    assert decoder.statistics().steps > before
    assert decoder.statistics().slots == 8


class Cancelling:
    """An engine whose clips are never decoded."""

    def __init__(self) -> None:
        self.model = CARD
        self.is_alive = True
        self.cancelled: list[str] = []
        self._waiting = []

    def submit(self, clip, _options):
        from concurrent.futures import Future

        self._waiting.append(Future())
        return self._waiting[-1]

    def cancel(self, group):
        self.cancelled.append(group)

    def drop(self):
        for future in self._waiting:
            future.cancel()

    def statistics(self):
        return EngineStatistics()

    def close(self):
        self.is_alive = False


def test_who_cancels_a_call_cancels_its_group_in_the_engine():
    engine = Cancelling()
    replica = EngineReplica(lambda: engine)

    async def call() -> None:
        task = asyncio.create_task(replica.decode(clip(1, group="mine"), OPTIONS))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, CancelledError)):
            await task

    asyncio.run(call())
    assert engine.cancelled == ["mine"]


def test_what_the_engine_cancels_is_told_so():
    engine = Cancelling()
    replica = EngineReplica(lambda: engine)

    async def call() -> object:
        task = asyncio.create_task(replica.decode(clip(1), OPTIONS))
        await asyncio.sleep(0.01)
        engine.drop()
        return await task

    assert asyncio.run(call()) is None
    assert engine.cancelled == []


def test_a_replica_whose_engine_is_away_is_not_healthy():
    engine = Cancelling()
    replica = EngineReplica(lambda: engine)
    replica.check_health()
    engine.is_alive = False
    with pytest.raises(EngineFailed):
        replica.check_health()
