from __future__ import annotations

from concurrent.futures import Future
from functools import partial

import pytest

from decoding.errors import EngineAway, EngineFailed, QueueFull
from decoding.process.engine_process import EngineProcess
from decoding.process.replicas import ReplicaSet
from decoding.types import Clip, Decoded, DecodingOptions, EngineStatistics, ModelCard
from tests.decoding.fakes import Summing, clip, decoded, expected

OPTIONS = DecodingOptions(language="en")


class Held:
    """A member whose answers wait until the test gives them."""

    def __init__(self, device: str, capacity: int = 100) -> None:
        self.model = ModelCard("fake", True, ("en",), 7, device, "fp32")
        self.is_alive = True
        self.is_closed = False
        self.capacity = capacity
        self.waiting: list[tuple[Clip, Future[Decoded]]] = []

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        if len(self.waiting) >= self.capacity:
            raise QueueFull("full")
        if not self.is_alive:
            raise EngineAway("away")
        future: Future[Decoded] = Future()
        self.waiting.append((clip, future))
        return future

    def answer(self, count: int = 1) -> None:
        for _ in range(count):
            clip, future = self.waiting.pop(0)
            future.set_result(decoded(f"{self.model.device} {clip.seed}"))

    def lose(self) -> None:
        self.is_alive = False
        waiting, self.waiting = self.waiting, []
        for _, future in waiting:
            future.set_exception(EngineAway("away"))

    def cancel(self, group: str) -> None:
        for held, future in self.waiting:
            if held.group == group:
                future.cancel()

    def statistics(self) -> EngineStatistics:
        return EngineStatistics(slots=4, queued=len(self.waiting))

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def replicas() -> tuple[Held, Held]:
    return Held("cuda:0"), Held("cuda:1")


def test_clips_go_where_the_fewest_are_unfinished(replicas: tuple[Held, Held]) -> None:
    replica_set = ReplicaSet(replicas)
    for value in range(6):
        replica_set.submit(clip(value), OPTIONS)
    assert [len(m.waiting) for m in replicas] == [3, 3]
    replicas[1].answer(2)
    for value in range(2):
        replica_set.submit(clip(value), OPTIONS)
    assert [len(m.waiting) for m in replicas] == [3, 3]


def test_answers_errors_and_cards(replicas: tuple[Held, Held]) -> None:
    replica_set = ReplicaSet(replicas)
    first, second = (replica_set.submit(clip(v), OPTIONS) for v in (1, 2))
    replicas[0].answer()
    assert first.result(1).text == "cuda:0 1"
    replicas[1].waiting.pop()[1].set_exception(EngineFailed("died of this window"))
    with pytest.raises(EngineFailed, match="this window"):  # the member lives: not tried again
        second.result(1)
    assert replica_set.model.device == "cuda:0,cuda:1"
    assert replica_set.statistics() == EngineStatistics(slots=8)
    replica_set.close()
    assert all(m.is_closed for m in replicas)


def test_windows_of_a_lost_member_go_elsewhere(replicas: tuple[Held, Held]) -> None:
    replica_set = ReplicaSet(replicas)
    futures = [replica_set.submit(clip(v), OPTIONS) for v in (1, 2, 3, 4)]
    replicas[0].lose()
    assert replica_set.is_alive
    replicas[1].answer(4)
    assert sorted(f.result(1).text for f in futures) == [f"cuda:1 {v}" for v in (1, 2, 3, 4)]


def test_last_member_lost(replicas: tuple[Held, Held]) -> None:
    replica_set = ReplicaSet(replicas)
    future = replica_set.submit(clip(1), OPTIONS)
    for replica in replicas:
        replica.lose()
    with pytest.raises(EngineAway):
        future.result(1)
    assert not replica_set.is_alive
    with pytest.raises(EngineAway):
        replica_set.submit(clip(1), OPTIONS)


def test_full_member_is_passed_over_and_full_cluster_refuses() -> None:
    small, large = Held("cuda:0", capacity=0), Held("cuda:1", capacity=2)
    replica_set = ReplicaSet([small, large])
    for value in range(2):
        replica_set.submit(clip(value), OPTIONS)
    with pytest.raises(QueueFull):
        replica_set.submit(clip(3), OPTIONS)
    large.answer()
    replica_set.submit(clip(3), OPTIONS)


def test_cancel_reaches_every_member(replicas: tuple[Held, Held]) -> None:
    replica_set = ReplicaSet(replicas)
    futures = [replica_set.submit(clip(v, group="ab"[v // 2]), OPTIONS) for v in range(4)]
    replica_set.cancel("a")
    assert [f.cancelled() for f in futures] == [True, True, False, False]


def test_no_members() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ReplicaSet([])


def test_two_real_processes_share_the_work() -> None:
    replica_set = ReplicaSet(
        [EngineProcess(partial(Summing, 0.01, None, d)) for d in ("cpu", "cuda:0")]
    )
    try:
        futures = [replica_set.submit(clip(v), OPTIONS) for v in range(1, 31)]
        assert [f.result(20).text for f in futures] == [expected(v) for v in range(1, 31)]
        assert replica_set.model.device == "cpu,cuda:0"
        assert replica_set.statistics().windows_decoded == 30
    finally:
        replica_set.close()
