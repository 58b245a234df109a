"""Replicas on three nodes of a real Ray cluster: what every engine promises, and what becomes of
clips when a replica, a gateway or the cluster dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from contextlib import closing, suppress
from functools import partial

import numpy as np
import pytest

from decoding.cluster.deployment import Application, Scaling
from decoding.cluster.gateway import Gateway, open_gateway
from decoding.cluster.serve_decoder import Limits
from decoding.errors import EngineFailed, PoisonClip, QueueFull, ReplicaLost, UnsupportedOption
from decoding.process.engine_process import EngineProcess, Restarts
from decoding.process.replicas import ReplicaSet
from decoding.types import Decoder, DecodingOptions
from tests.decoding import fakes
from tests.decoding.cluster.three_nodes import Nodes, only_by_night, three_nodes
from tests.decoding.fakes import CARD, Summing, clip, expected

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

OPTIONS = DecodingOptions(language="en")
QUICK = Restarts(in_a_row=5, first_delay=0.01)
SECONDS = 0.03  # of a clip
PATIENCE = 60.0


def engine() -> Decoder:
    return EngineProcess(partial(Summing, SECONDS), restarts=QUICK)


def opened(nodes: Nodes, replicas: int = 3, clips: int = 1024, share: float = 1.0) -> EngineProcess:
    scaling = Scaling(replicas, replicas, gpus=0, look_seconds=0.5)
    application = Application("planted", engine, scaling)
    way = Gateway(nodes.connection, application, Limits(clips), share=share)
    return open_gateway(way, restarts=QUICK)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with three_nodes() as nodes:
        yield nodes


@pytest.fixture(scope="module")
def shared(nodes: Nodes) -> Iterator[EngineProcess]:
    decoder = opened(nodes)
    yield decoder
    decoder.close()


def until(condition: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def answers(decoder: Decoder, values: range) -> dict[int, str | Exception]:
    """What comes of each clip; those of a lost replica are asked for again, as steps do."""
    told: dict[int, str | Exception] = {}
    while missing := [value for value in values if value not in told]:
        futures = {value: decoder.submit(clip(value, length=200_000), OPTIONS) for value in missing}
        for value, future in futures.items():
            try:
                told[value] = future.result(PATIENCE).text
            except ReplicaLost:
                continue
    return told


def test_results_come_back_under_their_clip_from_every_replica(shared: EngineProcess):
    futures = [shared.submit(clip(value), OPTIONS) for value in range(1, 121)]
    assert [f.result(PATIENCE).text for f in futures] == [expected(v) for v in range(1, 121)]
    assert shared.model == CARD
    assert shared.statistics().slots == 3


def test_windows_arrive_exactly(shared: EngineProcess):
    whole = clip(3, length=480_000, dtype=np.float32)
    assert shared.submit(whole, OPTIONS).result(PATIENCE).text == expected(3, 480_000)


def test_errors_keep_their_class_and_words(shared: EngineProcess):
    with pytest.raises(UnsupportedOption, match="not this one"):
        shared.submit(clip(fakes.UNSUPPORTED), OPTIONS).result(PATIENCE)
    with pytest.raises(QueueFull, match="full"):
        shared.submit(clip(fakes.FULL), OPTIONS).result(PATIENCE)
    with pytest.raises(EngineFailed, match="StrangeError: strange"):
        shared.submit(clip(fakes.STRANGE), OPTIONS).result(PATIENCE)


def test_poison_is_told_and_its_company_is_not(shared: EngineProcess):
    values = [1, 2, fakes.POISON, 3, 4, 5]
    futures = {v: shared.submit(clip(v, group=f"of {v}"), OPTIONS) for v in values}
    with pytest.raises(PoisonClip):
        futures.pop(fakes.POISON).result(PATIENCE)
    assert {v: f.result(PATIENCE).text for v, f in futures.items()} == {
        v: expected(v) for v in futures
    }


def test_cancel_reaches_the_replicas_and_drops_the_group_alone(shared: EngineProcess):
    before = shared.statistics().windows_decoded
    mine = [shared.submit(clip(1, group="mine"), OPTIONS) for _ in range(400)]
    other = shared.submit(clip(2, group="other"), OPTIONS)
    assert wait(mine, PATIENCE, FIRST_COMPLETED).done
    shared.cancel("mine")
    assert other.result(PATIENCE).text == expected(2)
    for one in mine:
        with suppress(CancelledError):
            one.result(PATIENCE)
    assert sum(one.cancelled() for one in mine) > 200  # of those under way any may be done before
    again = shared.submit(clip(3, group="mine"), OPTIONS)  # the cancel was of those before
    assert again.result(PATIENCE).text == expected(3)
    assert shared.statistics().windows_decoded - before < 200


def test_a_full_queue_is_refused_at_once_and_opens_again(nodes: Nodes, shared: EngineProcess):
    decoder = opened(nodes, clips=2)  # the same replicas
    try:
        futures = [decoder.submit(clip(v), OPTIONS) for v in (1, 2)]
        with pytest.raises(QueueFull):
            decoder.submit(clip(3), OPTIONS)
        assert [f.result(PATIENCE).text for f in futures] == [expected(1), expected(2)]
        assert decoder.submit(clip(3), OPTIONS).result(PATIENCE).text == expected(3)
    finally:
        decoder.close()


def test_closing_leaves_the_replicas_to_others(nodes: Nodes, shared: EngineProcess):
    decoder = opened(nodes)
    futures = [decoder.submit(clip(1), OPTIONS) for _ in range(50)]
    decoder.close()
    assert all(future.done() for future in futures)
    assert not decoder.is_alive
    with pytest.raises(EngineFailed):
        decoder.submit(clip(1), OPTIONS)
    assert shared.submit(clip(1), OPTIONS).result(PATIENCE).text == expected(1)


def test_nothing_is_lost_with_a_replica(nodes: Nodes, shared: EngineProcess):
    victim = nodes.replicas()[0]
    told: dict[int, str | Exception] = {}
    thread = threading.Thread(target=lambda: told.update(answers(shared, range(1, 201))))
    before = shared.statistics().windows_decoded
    thread.start()
    until(lambda: shared.statistics().windows_decoded > before + 30, "they decode")
    os.kill(victim, signal.SIGKILL)
    thread.join()
    assert told == {value: expected(value, 200_000) for value in range(1, 201)}
    until(lambda: len(set(nodes.replicas()) - {victim}) == 3, "it is replaced")


def test_a_dead_gateway_is_replaced_and_asks_again(shared: EngineProcess):
    futures = {v: shared.submit(clip(v), OPTIONS) for v in range(1, 101)}
    futures[1].result(PATIENCE)
    assert shared.pid is not None
    os.kill(shared.pid, signal.SIGKILL)
    assert {v: f.result(PATIENCE).text for v, f in futures.items()} == {
        v: expected(v) for v in futures
    }


def test_several_gateways_are_one_engine(nodes: Nodes):
    """One dies; what it had is asked again. Each counts half of the three slots, rounded up."""
    gateways = [opened(nodes, share=1 / 2) for _ in range(2)]
    with closing(ReplicaSet(gateways)) as decoder:
        until(lambda: decoder.statistics().slots == 4, "all replicas run and are counted")
        futures = {v: decoder.submit(clip(v), OPTIONS) for v in range(1, 201)}
        futures[1].result(PATIENCE)
        assert gateways[0].pid is not None
        os.kill(gateways[0].pid, signal.SIGKILL)
        told = {v: future.result(PATIENCE).text for v, future in futures.items()}
        assert told == {v: expected(v) for v in futures}


def test_replicas_come_and_go_with_the_queue(nodes: Nodes, request: pytest.FixtureRequest):
    only_by_night(request)
    times = {"grow_seconds": 1.0, "shrink_seconds": 3.0, "look_seconds": 0.5, "drain_seconds": 30.0}
    scaling = Scaling(1, 3, gpus=0, cpus=0.1, windows_at_once=1, **times)
    application = Application("growing", partial(Summing, 0.2), scaling)
    decoder = open_gateway(Gateway(nodes.connection, application))
    try:
        assert decoder.statistics().slots == 1
        futures = {value: decoder.submit(clip(value), OPTIONS) for value in range(1, 301)}
        until(lambda: decoder.statistics().slots == 3, "replicas are added")
        told = {value: future.result(PATIENCE).text for value, future in futures.items()}
        assert told == {value: expected(value) for value in futures}
        until(lambda: decoder.statistics().slots == 1, "they are drained and removed")
        assert decoder.submit(clip(1), OPTIONS).result(PATIENCE).text == expected(1)
    finally:
        decoder.close()
