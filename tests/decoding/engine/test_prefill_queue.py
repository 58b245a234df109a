"""Prefill beside the steps: results, and the books while windows are on their way."""

from __future__ import annotations

import dataclasses
from concurrent.futures import CancelledError

import pytest
import torch

from decoding.device.side_stream import CudaSideStream
from decoding.engine.batch import Batch
from decoding.engine.batching_policy import TOGETHER
from decoding.engine.engine import Engine
from decoding.engine.window_request import Phase, WindowRequest
from decoding.errors import EngineFailed
from decoding.loading.loader import load_model
from decoding.types import DecodingOptions
from tests.decoding.alike import assert_alike
from tests.decoding.decoding_alone import decode, keys_of, requests_of, results_of, run_out
from tests.decoding.engine.test_batch import MIXED, ONCE
from tests.decoding.late import LIMIT_SECONDS, Late
from tests.decoding.noise import noise
from tests.decoding.small_models import random_model, save

BRIEF = DecodingOptions(sample_len=4, **ONCE)
LONG = DecodingOptions(beam_size=1, **ONCE)
TWO = dataclasses.replace(TOGETHER, prefill_batch=2, prefills_under_way=2)
THREE = dataclasses.replace(TWO, prefill_batch=3, prefills_under_way=3)


@pytest.fixture(scope="module")
def mixed(small):
    """Jobs whose options all differ, one that asks for its language alone, and what they give."""
    options = [*MIXED, DecodingOptions(task="lang_id"), DecodingOptions(sample_len=3)]
    jobs = [(at, noise(at, 10), one) for at, one in enumerate(options)]
    return jobs, decode(small, jobs, 8)


@pytest.mark.parametrize("asks", [1, 7])
@pytest.mark.parametrize("slots", [8, 2])
def test_to_be_heard_later_changes_nothing(small, mixed, asks, slots):
    """To the bit, though the company differs at every step."""
    jobs, expected = mixed
    late = Late(asks)
    assert decode(small, jobs, slots, side_stream=late) == expected
    assert late.lent > 0


def test_nobody_waits_for_newcomers_while_others_step(small):
    late = Late(asks=5)
    batch = Batch(small, 4, side_stream=late)
    requests = requests_of([("first", noise(1, 5), LONG), ("second", noise(2, 5), LONG)])
    with torch.inference_mode():
        batch.admit([requests["first"]])
        assert not late.waited.is_set()
        batch.step()  # nobody else is there: now it waits
        assert late.waited.is_set()
        late.waited.clear()
        late.opened.clear()
        batch.admit([requests["second"]])
        batch.step()
    assert not late.waited.is_set()
    assert keys_of(requests, batch.in_flight) == ["first", "second"]
    assert requests["second"].phase is Phase.PREFILL


def test_a_language_is_asked_for_before_the_prompt_only_where_none_is_given(small):
    late, batches = Late(asks=1), {}
    late.opened.clear()
    for name, options in (("given", BRIEF), ("heard", DecodingOptions(sample_len=4))):
        batches[name] = Batch(small, 4, side_stream=late)
        with torch.inference_mode():
            batches[name].admit([WindowRequest(noise(1, 5), options)])
    assert late.queued == ["encode", "prompt", "encode"]
    late.opened.set()
    with torch.inference_mode():
        batches["heard"].step()
    assert late.queued == ["encode", "prompt", "encode", "prompt"]


def test_windows_on_their_way_take_slots(small):
    late = Late()
    late.opened.clear()
    batch = Batch(small, 3, side_stream=late, policy=TWO)
    assert (batch.free, batch.admissible, len(batch)) == (3, 2, 0)
    with torch.inference_mode():
        first, second = (WindowRequest(noise(1, 5), LONG) for _ in range(2))
        batch.admit([first])
        assert (batch.free, batch.admissible, len(batch)) == (2, 1, 1)
        batch.admit([second])
        assert (batch.free, batch.admissible, batch.in_flight) == (1, 0, [first, second])
        late.opened.set()
        batch.step()
    assert (batch.free, batch.admissible, batch.in_flight) == (1, 1, [first, second])


def test_windows_dropped_while_heard_are_never_seated(small):
    late = Late()
    late.opened.clear()
    batch = Batch(small, 4, side_stream=late, policy=TWO)
    jobs = [(at, noise(at, 5), LONG) for at in range(4)]
    requests = requests_of(jobs)
    with torch.inference_mode():
        batch.admit(list(requests.values()))
        for key in (1, 2, 3):
            requests[key].future.cancel()
        batch.drop_cancelled()
        assert (batch.in_flight, batch.free) == ([requests[0]], 3)
        late.opened.set()
        results = results_of(requests, run_out(batch))
    assert results.keys() == {0}
    assert_alike(results[0], decode(small, jobs[:1], 1)[0])


def test_the_place_of_who_was_dropped_is_the_next_ones(small):
    """Its company's prompts are read later, when another window has long been heard there."""
    late = Late()
    late.opened.clear()
    batch = Batch(small, 3, side_stream=late, policy=THREE)
    asking = dataclasses.replace(BRIEF, language=None, sample_len=6)
    jobs = [("dropped", noise(1, 5), asking), ("company", noise(2, 5), asking)]
    jobs += [("next", noise(3, 5), dataclasses.replace(BRIEF, sample_len=6))]
    requests = requests_of(jobs)
    with torch.inference_mode():
        batch.admit([requests["dropped"], requests["company"]])
        requests["dropped"].future.cancel()
        batch.drop_cancelled()
        batch.admit([requests["next"]])
        assert requests["next"].prefilled.at == 0
        late.opened.set()
        results = results_of(requests, run_out(batch))
    alone = decode(small, jobs, 3)
    assert results.keys() == {"company", "next"}
    for key, found in results.items():
        assert_alike(found, alone[key])


def test_parts_enter_as_soon_as_they_are_heard(small):
    """Of four, two in each call: the first two decode while the others are heard."""
    late = Late(asks=9)
    policy = dataclasses.replace(TWO, prefills_under_way=4)
    batch = Batch(small, 4, side_stream=late, policy=policy)
    jobs = [(at, noise(at, 5), BRIEF) for at in range(4)]
    requests = requests_of(jobs)
    with torch.inference_mode():
        assert batch.admissible == 4
        batch.admit(list(requests.values()))
        assert late.queued == ["encode", "prompt"] * 2
        batch.step()
        phases = [one.phase for one in requests.values()]
        assert phases == [Phase.DECODING, Phase.DECODING, Phase.PREFILL, Phase.PREFILL]
        results = results_of(requests, run_out(batch))
    alone = decode(small, jobs, 4)
    for key, found in results.items():
        assert_alike(found, alone[key])


def test_who_is_on_the_way_out_of_a_slot_keeps_nobody_out(small):
    """Its words are still found when the next one's prefill begins."""
    batch, brief = Batch(small, 2, policy=TWO), WindowRequest(noise(1, 5), BRIEF)
    with torch.inference_mode():
        batch.admit([brief, WindowRequest(noise(2, 5), LONG)])
        while brief.phase is not Phase.WORD_TIMING:
            assert batch.admissible == 0
            batch.step()
        assert (len(batch), batch.admissible) == (2, 1)


def test_who_asks_for_a_language_needs_no_slot(small):
    batch = Batch(small, 1)
    asking = DecodingOptions(task="lang_id")
    decoding = [WindowRequest(noise(0, 5), LONG)]
    only_asking = WindowRequest(noise(2, 5), asking)
    with torch.inference_mode():
        assert batch.admit(decoding) == []
        assert batch.admit([only_asking]) == [only_asking]
    assert only_asking.phase is Phase.FINISHED
    assert batch.in_flight == decoding


@pytest.fixture
def engine(small, monkeypatch):
    """An engine of four slots whose windows, two at once, are prefilled `engine.late`."""
    late = Late()

    class LateBatch(Batch):
        def __init__(self, model, slots):
            super().__init__(model, slots, policy=TWO, side_stream=late)

    monkeypatch.setattr("decoding.engine.engine.Batch", LateBatch)
    engine = Engine(small, slots=4, threads=1)
    engine.late = late
    yield engine
    late.opened.set()
    engine.close()


def test_cancelled_while_heard(engine):
    engine.late.opened.clear()
    doomed = [engine.submit(noise(at, 2, group="doomed"), LONG) for at in range(3)]
    assert engine.late.waited.wait(LIMIT_SECONDS)
    assert engine.statistics().slots_in_use > 0
    engine.cancel("doomed")
    assert all(future.cancelled() for future in doomed)
    engine.late.opened.set()
    assert engine.submit(noise(9, 2), BRIEF).result(LIMIT_SECONDS).language == "en"
    statistics = engine.statistics()
    assert (statistics.windows_decoded, statistics.slots_in_use) == (1, 0)


def test_closed_while_heard(engine):
    engine.late.opened.clear()
    futures = [engine.submit(noise(at, 2), LONG) for at in range(3)]
    assert engine.late.waited.wait(LIMIT_SECONDS)
    with engine._wake:
        engine._is_closing = True  # as `close` does, which waits for the thread
    engine.late.opened.set()
    engine.close()
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(LIMIT_SECONDS)


@pytest.mark.row("F6")
def test_memory_that_runs_out_while_some_are_heard_loses_nobody(engine, monkeypatch):
    """The step fails while one window sits and others are on their way; all start again."""
    engine.late.asks, step, on_their_way = 3, Batch.step, []

    def short_of_memory(batch):
        if batch.slots > 1 and len(batch) > batch.num_in(Phase.DECODING) > 0:
            on_their_way.append(batch.num_in(Phase.PREFILL))
            raise torch.OutOfMemoryError("no memory left")
        return step(batch)

    monkeypatch.setattr(Batch, "step", short_of_memory)
    futures = [engine.submit(noise(at, 2), LONG) for at in range(5)]
    results = [future.result(LIMIT_SECONDS) for future in futures]
    assert len(results) == 5
    assert min(on_their_way) > 0
    assert engine.statistics().slots < 4


def test_hearing_that_fails_fails_its_windows_and_the_engine_goes_on(engine):
    engine.late.failure = RuntimeError("the device hiccuped")
    with pytest.raises(EngineFailed, match="hiccuped"):
        engine.submit(noise(0, 2), BRIEF).result(LIMIT_SECONDS)
    assert engine.submit(noise(1, 2), BRIEF).result(LIMIT_SECONDS).language == "en"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_second_stream(tmp_path, mixed):
    """In single precision, windows prefilled while others step: as on the CPU."""
    jobs, expected = mixed
    path = save(random_model(3), tmp_path / "small.pt")
    model = load_model(str(path), device="cuda:0", precision="fp32")
    side_stream = CudaSideStream(model.device)
    for slots in (8, 2):
        together = decode(model, jobs, slots, policy=TOGETHER, side_stream=side_stream)
        for key, one in expected.items():
            assert together[key].tokens == one.tokens
            assert together[key].avg_logprob == pytest.approx(one.avg_logprob, abs=1e-4)
