"""A worker on clips that a test hands to it, and on a database when recordings kill its process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

import pytest

from app.storage.taken_clips import AHEAD, ClipKey, TakenClip
from app.workers.worker import Worker
from decoding.errors import EngineAway, PoisonClip
from decoding.types import Decoded, DecodingOptions, ModelCard
from tests.app.calls import until
from tests.app.planted_worker import by_workers, planted_workers
from tests.app.workers.test_queue_decoder import OPTIONS, PATIENCE, Gated
from tests.decoding import fakes
from tests.decoding.fakes import OneByOne, clip, expected


class PlantedClips:
    """The clips of a worker without a database: what a test says waits."""

    def __init__(self) -> None:
        self.waiting: list[TakenClip] = []
        self.ours: set[ClipKey] = set()
        self.alone: list[ClipKey] = []
        self.answers: dict[ClipKey, Decoded | Exception] = {}
        self.back: list[ClipKey] = []
        self.rooms: list[int] = []
        self.left = 0

    def wait(self, value: int, *, is_suspect: bool = False) -> ClipKey:
        key = ClipKey("service", value, 1)
        given = clip(value, group=f"of {value}")
        self.waiting.append(TakenClip(key, given, DecodingOptions(), is_suspect))
        return key

    def announce(self, _card: ModelCard, _slots: int) -> bool:
        return True

    def take(self, _card: ModelCard, slots: int, in_hand: int) -> list[TakenClip]:
        room = AHEAD * slots - in_hand
        suspects = [one for one in self.waiting if one.is_suspect]
        taken = suspects[:1] or self.waiting[:room]
        self.waiting = [one for one in self.waiting if one not in taken]
        self.ours |= {one.key for one in taken}
        self.rooms.append(room)
        return taken

    def begin_alone(self, keys: Collection[ClipKey]) -> None:
        self.alone += keys

    def answer(self, outcomes: Mapping[ClipKey, Decoded | Exception]) -> None:
        self.answers |= outcomes
        self.ours -= outcomes.keys()

    def give_back(self, keys: Collection[ClipKey]) -> None:
        self.back += keys
        self.ours -= set(keys)

    def held(self) -> set[ClipKey]:
        return set(self.ours)

    def take_over(self) -> list[str]:
        return []

    def listen(self, _channel: str, _heard: Callable[[], None], stopping: threading.Event) -> None:
        stopping.wait(PATIENCE)

    def give_up(self) -> None:
        self.left += 1

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def working(engine: OneByOne, clips: PlantedClips, lease: float = 60.0) -> Iterator[Worker]:
    worker, stopping = Worker(engine, clips, lease), threading.Event()
    thread = threading.Thread(target=worker.run, args=(stopping,), daemon=True)
    thread.start()
    try:
        yield worker
    finally:
        stopping.set()
        worker.wake()
        thread.join(PATIENCE)
        engine.free.release(100)


def test_no_more_is_taken_than_there_is_room_for():
    engine, clips = Gated(), PlantedClips()
    keys = [clips.wait(value) for value in range(6)]
    with working(engine, clips):
        until(lambda: len(clips.ours) == AHEAD, "it has what it may have")
        assert clips.answers == {}
        engine.free.release(6)
        until(lambda: clips.answers.keys() == set(keys), "all are answered")
    assert max(clips.rooms) == AHEAD
    assert min(clips.rooms) > 0
    assert engine.seen == list(range(6))


def test_a_suspect_waits_until_nothing_else_is_here_and_keeps_others_away():
    engine, clips = Gated(), PlantedClips()
    first = clips.wait(1)
    with working(engine, clips) as worker:
        until(lambda: engine.seen == [1], "the first is decoded")
        suspect, later = clips.wait(2, is_suspect=True), clips.wait(3)
        worker.wake()
        until(lambda: suspect in clips.ours, "it has the suspect")
        assert clips.alone == []
        engine.free.release()
        until(lambda: engine.seen == [1, 2], "the suspect is decoded")
        assert clips.answers.keys() == {first}
        assert clips.alone == [suspect]
        assert [one.key for one in clips.waiting] == [later]
        engine.free.release(2)
        until(lambda: len(clips.answers) == 3, "all are answered")
    assert engine.seen == [1, 2, 3]


def test_what_is_no_longer_ours_is_decoded_no_longer():
    engine, clips = Gated(), PlantedClips()
    clips.wait(1)
    gone = clips.wait(2)
    with working(engine, clips):
        until(lambda: len(clips.ours) == 2, "it has both")
        clips.ours.discard(gone)
        until(lambda: engine.cancelled, "it notices")
        engine.free.release(2)
        until(lambda: len(clips.answers) == 1, "the other is answered")
    assert engine.cancelled == ["of 2"]
    assert engine.seen == [1]
    assert clips.back == []


class Away(Gated):
    """Its engine is away with the first clip, and comes back."""

    has_returned = False
    is_away = False

    @property
    def is_alive(self) -> bool:
        return not self.is_away

    def decode(self, clip, options):
        if not self.has_returned:
            self.is_away = True
            raise EngineAway("died five times")
        return super().decode(clip, options)


def test_a_worker_whose_engine_is_away_gives_back_and_takes_nothing():
    engine, clips = Away(), PlantedClips()
    key = clips.wait(1)
    with working(engine, clips, lease=0.5) as worker:
        until(lambda: clips.back == [key], "it gives the clip back")
        until(lambda: clips.left, "it counts as none")
        again = clips.wait(2)
        worker.wake()
        engine.free.release(2)
        assert clips.answers == {}
        engine.has_returned, engine.is_away = True, False
        until(lambda: again in clips.answers, "it works again")
    assert clips.answers.keys() == {again}


@pytest.mark.slow
def test_a_recording_that_kills_workers_is_found_out(url: str):
    """As one does that takes all of a host's memory. Its company is decoded."""
    with planted_workers(url, 4, "--summing") as workers:
        decoder = by_workers(url)
        try:
            values = [1, fakes.POISON, 2, 3]
            futures = {
                value: decoder.submit(clip(value, group=f"of {value}"), OPTIONS) for value in values
            }
            with pytest.raises(PoisonClip):
                futures.pop(fakes.POISON).result(PATIENCE)
            told = {value: future.result(PATIENCE).text for value, future in futures.items()}
            assert told == {value: expected(value) for value in futures}
            assert workers.num_dead() == 3  # the first proves nothing: others might have done it
        finally:
            decoder.close()
