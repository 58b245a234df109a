"""The engine as its callers see it: results, fairness, cancelling, limits and failures."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from decoding.engine.batch import Batch
from decoding.engine.engine import Engine
from decoding.errors import EngineFailed, QueueFull, UnsupportedOption
from decoding.types import OPENAI_RULES, Clip, DecodingOptions
from tests.decoding.noise import noise
from tests.decoding.oracle import demo_oracle, openai_decode
from tests.decoding.speech import window

BRIEF = DecodingOptions(language="en", temperatures=(0.0,), sample_len=4)
LONG = DecodingOptions(language="en", temperatures=(0.0,), beam_size=1)


@pytest.fixture
def engine(small):
    engine = Engine(small, slots=2, threads=1, queue_limit=6)
    yield engine
    engine.close()


class Gate:
    """Holds the engine's steps until opened, and counts them."""

    def __init__(self, monkeypatch):
        self.opened, self.reached, self.steps = threading.Event(), threading.Event(), 0
        self.admitted = []
        step, admit = Batch.step, Batch.admit

        def held_step(batch):
            self.reached.set()
            assert self.opened.wait(60)
            self.steps += 1
            return step(batch)

        def noted_admit(batch, window_requests):
            self.admitted += [one.clip.group for one in window_requests]
            return admit(batch, window_requests)

        monkeypatch.setattr(Batch, "step", held_step)
        monkeypatch.setattr(Batch, "admit", noted_admit)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


@pytest.mark.slow
def test_speech_decodes_as_openai_decodes_it(demo):
    engine = Engine(demo, slots=4, threads=1)
    try:
        samples = window(0, 2)
        options = DecodingOptions(sample_len=224, **OPENAI_RULES)
        ours = engine.submit(Clip(samples), options).result(120)
    finally:
        engine.close()
    theirs = openai_decode(demo_oracle(), samples)
    assert list(ours.tokens) == theirs.tokens
    assert ours.text == theirs.text
    assert "".join(word.text for word in ours.words).strip() == ours.text
    assert all(before.end <= word.end for before, word in zip(ours.words, ours.words[1:]))  # noqa: B905


def test_many_clips_are_all_answered(engine):
    futures = [engine.submit(noise(at, 3, group=str(at)), BRIEF) for at in range(5)]
    results = [future.result(60) for future in futures]
    assert all(result.language == "en" for result in results)
    statistics = engine.statistics()
    assert (statistics.slots, statistics.windows_decoded) == (2, 5)
    assert statistics.audio_seconds == pytest.approx(15.0)
    assert statistics.tokens_decoded == sum(len(result.tokens) for result in results)


def test_a_full_queue_refuses(engine, gate):
    engine.submit(noise(0, 2), BRIEF)
    assert gate.reached.wait(60)
    for _ in range(6):
        engine.submit(noise(0, 2), BRIEF)
    with pytest.raises(QueueFull):
        engine.submit(noise(0, 2), BRIEF)


def test_cancel_drops_waiting_and_seated_clips_within_a_step(engine, gate):
    doomed = [engine.submit(noise(at, 2, group="doomed"), LONG) for at in range(4)]
    assert gate.reached.wait(60)
    engine.cancel("doomed")
    assert all(future.cancelled() for future in doomed)
    kept = engine.submit(noise(9, 2, group="kept"), BRIEF)
    gate.opened.set()
    assert kept.result(60).language == "en"
    assert gate.steps <= 1 + 4  # the step that was under way, then those of the kept clip
    assert engine.statistics().windows_decoded == 1


def test_a_cancelled_future_frees_its_slot(engine, gate):
    future = engine.submit(noise(1, 2), LONG)
    assert gate.reached.wait(60)
    assert future.cancel()
    gate.opened.set()
    assert engine.submit(noise(2, 2), BRIEF).result(60)
    assert engine.statistics().slots_in_use == 0


def test_callers_take_turns(small, gate):
    engine = Engine(small, slots=1, threads=1)
    try:
        blocker = engine.submit(noise(0, 2, group="first"), BRIEF)
        assert gate.reached.wait(60)
        futures = [
            engine.submit(noise(at, 30, group=caller, caller=caller), BRIEF)
            for caller in ("busy", "busy", "busy", "quiet")
            for at in (0,)
        ]
        gate.opened.set()
        for future in (blocker, *futures):
            future.result(60)
    finally:
        engine.close()
    assert gate.admitted.index("quiet") < 3


def test_closing_cancels_and_refuses(small, gate):
    engine = Engine(small, slots=1, threads=1)
    futures = [engine.submit(noise(at, 2), LONG) for at in range(3)]
    assert gate.reached.wait(60)
    closer = threading.Thread(target=engine.close)
    closer.start()
    gate.opened.set()
    closer.join(60)
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(60)
    with pytest.raises(EngineFailed):
        engine.submit(noise(0, 2), BRIEF)
    engine.close()  # twice is safe


def test_a_failing_step_fails_its_clips_and_the_engine_goes_on(engine, monkeypatch):
    step, broken = Batch.step, [True]

    def step_once_broken(batch):
        if broken:
            broken.clear()
            raise RuntimeError("the device hiccuped")
        return step(batch)

    monkeypatch.setattr(Batch, "step", step_once_broken)
    with pytest.raises(EngineFailed, match="hiccuped"):
        engine.submit(noise(0, 2), BRIEF).result(60)
    assert engine.submit(noise(1, 2), BRIEF).result(60).language == "en"


def test_a_lost_device_fails_everything_and_nothing_hangs(engine, gate, monkeypatch):
    def lost(_batch):
        assert gate.opened.wait(60)
        raise RuntimeError("device lost")

    def no_batch(*_):
        raise RuntimeError("device lost")  # as its first tensor would

    monkeypatch.setattr(Batch, "step", lost)
    monkeypatch.setattr("decoding.engine.engine.Batch", no_batch)
    monkeypatch.setattr("decoding.engine.engine._answers", lambda _device: False)
    futures = [engine.submit(noise(at, 2), BRIEF) for at in range(5)]
    gate.opened.set()
    for future in futures:
        with pytest.raises(EngineFailed):
            future.result(60)
    with pytest.raises(EngineFailed):
        engine.submit(noise(0, 2), BRIEF)


@pytest.mark.row("F6")
def test_out_of_memory_halves_the_slots_and_loses_nothing(small, monkeypatch):
    import torch

    step = Batch.step

    def short_of_memory(batch):
        if batch.slots > 1:
            raise torch.OutOfMemoryError("no memory left")
        return step(batch)

    monkeypatch.setattr(Batch, "step", short_of_memory)
    engine = Engine(small, slots=4, threads=1)
    try:
        futures = [engine.submit(noise(at, 2), BRIEF) for at in range(4)]
        assert all(future.result(60).language == "en" for future in futures)
        assert engine.statistics().slots == 1
    finally:
        engine.close()


def test_a_thread_that_ends_unexpectedly_leaves_nobody_waiting(engine, gate, monkeypatch):
    """Not even an error of the recovery itself may leave futures without an answer."""

    def broken(_batch):
        assert gate.opened.wait(60)
        raise RuntimeError("the device hiccuped")

    monkeypatch.setattr(Batch, "step", broken)
    monkeypatch.setattr(Engine, "_recover", lambda _engine, _error: 1 // 0)
    monkeypatch.setattr(threading, "excepthook", lambda _told: None)
    futures = [engine.submit(noise(at, 2), BRIEF) for at in range(3)]
    gate.opened.set()
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(60)
    with pytest.raises(EngineFailed):
        engine.submit(noise(0, 2), BRIEF)


def test_options_the_model_cannot_honour(engine, demo):
    with pytest.raises(UnsupportedOption, match="klingon"):
        engine.submit(noise(0, 2), DecodingOptions(language="klingon"))
    english = demo.vocabulary
    with pytest.raises(UnsupportedOption, match="English"):
        english.check(DecodingOptions(language="de"))
    with pytest.raises(UnsupportedOption, match="English"):
        english.check(DecodingOptions(task="translate"))


def test_the_card_says_what_is_loaded(engine):
    card = engine.model
    assert (card.name, card.device, card.precision) == ("small", "cpu", "fp32")
    assert card.is_multilingual
    assert "hi" in card.languages
