"""What is done for several windows at once, forced on the CPU: as if each were treated alone."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from decoding.engine import prefill, word_timing
from decoding.engine.batch import Batch
from decoding.engine.batching_policy import ALONE, TOGETHER, batching_policy_for
from decoding.engine.slots import FIRST_POSITIONS
from decoding.engine.window_request import Phase
from decoding.timing.token_alignment import Alignment
from decoding.types import Clip, DecodingOptions
from tests.decoding.alike import assert_alike
from tests.decoding.decoding_alone import decode, requests_of, results_of, run_out
from tests.decoding.engine.test_batch import MIXED, ONCE
from tests.decoding.noise import noise
from tests.decoding.speech import window


@pytest.fixture(scope="module")
def mixed(small):
    """Jobs whose options all differ, and what they give, each treated alone."""
    jobs = [(at, noise(at, 10 + at), options) for at, options in enumerate(MIXED)]
    return jobs, decode(small, jobs, 8, policy=ALONE)


@pytest.fixture
def readings(monkeypatch):
    """How many readings each alignment got."""
    counts = []

    class Counting(Alignment):
        def __init__(self, readings, *rest):
            counts.append(len(readings))
            super().__init__(readings, *rest)

    monkeypatch.setattr(word_timing, "Alignment", Counting)
    return counts


def test_bits_on_a_cpu_do_not_depend_on_company():
    assert batching_policy_for(torch.device("cpu")) == ALONE
    assert batching_policy_for(torch.device("cuda:0")) == TOGETHER


def test_words_of_several_windows_timed_in_one_call(small, mixed, readings):
    """Eight windows of four steps are decided at once; texts differ in length."""
    jobs, _ = mixed
    jobs = [
        (key, clip, dataclasses.replace(options, sample_len=4 + key, temperatures=(0.0,)))
        for key, clip, options in jobs
    ]
    jobs += [(10 + key, clip, options) for key, clip, options in jobs]
    alone = decode(small, jobs, 16, policy=ALONE)
    assert set(readings) == {1}
    readings.clear()
    together = decode(small, jobs, 16, policy=dataclasses.replace(ALONE, alignment_batch=3))
    assert 1 < max(readings) <= 3
    assert any(one.words for one in together.values())
    for key, expected in alone.items():
        assert_alike(together[key], expected)


@pytest.mark.slow
def test_words_of_speech_timed_in_one_call(demo, readings):
    """Windows of one, two and three sentences, each twice so that they are decided in pairs."""
    jobs = [(at, Clip(window(at % 3, 1 + at % 3), seed=at), MIXED[0]) for at in range(6)]
    alone = decode(demo, jobs, 6, policy=ALONE)
    readings.clear()
    together = decode(demo, jobs, 6, policy=dataclasses.replace(ALONE, alignment_batch=4))
    assert max(readings) > 1
    for key, expected in alone.items():
        assert len(expected.words) > 10
        assert_alike(together[key], expected)


def seldom(steps):
    """Looks every so many steps, all else alone."""
    return dataclasses.replace(ALONE, steps_between_checks=steps)


@pytest.fixture(scope="module")
def ending(small):
    """Windows that go to the end of the context of 64, whatever their width and prompt."""
    endless = {"suppress_tokens": (-1, small.vocabulary.eot), **ONCE}
    options = [
        DecodingOptions(beam_size=1, **endless),
        DecodingOptions(beam_size=5, prompt="one two three four five six " * 8, **endless),
        DecodingOptions(beam_size=12, without_timestamps=True, **endless),
        DecodingOptions(beam_size=1, sample_len=1, **ONCE),
    ]
    jobs = [(at, noise(at, 5), one) for at, one in enumerate(options)]
    return jobs, decode(small, jobs, 4, policy=ALONE)


@pytest.mark.parametrize("slots", [8, 3])
def test_looking_seldom_changes_nothing(small, mixed, slots):
    """All kinds of options, fallback and refills: the same to the bit."""
    jobs, alone = mixed
    assert decode(small, jobs, slots, policy=seldom(4)) == alone


@pytest.mark.parametrize("steps", [4, 90])
def test_windows_that_are_done_may_step_on(small, ending, steps):
    """Past the end of their context too, if nobody looks."""
    jobs, alone = ending
    assert all(alone[key].is_truncated for key in (0, 1, 2))
    assert decode(small, jobs, 4, policy=seldom(steps)) == alone


def test_stepping_on_takes_no_memory(small, ending):
    jobs, _ = ending
    batch = Batch(small, 4, policy=seldom(90))
    with torch.inference_mode():
        batch.admit(list(requests_of(jobs).values()))
        for _ in range(89):
            assert batch.step() == []
    for table in batch._tables.values():
        most = max(FIRST_POSITIONS, table.slot_group._most_positions)
        assert table.slot_group.memory.positions <= most


def test_windows_that_are_done_can_be_dropped_before_anybody_looks(small, ending):
    jobs, alone = ending
    batch, requests = Batch(small, 4, policy=seldom(7)), requests_of(jobs)
    with torch.inference_mode():
        batch.admit(list(requests.values()))
        for _ in range(4):
            batch.step()  # the window of one token is done since the first
        for key in (1, 3):
            requests[key].future.cancel()
        batch.drop_cancelled()
        assert batch.in_flight == [requests[0], requests[2]]
        results = results_of(requests, run_out(batch))
    assert results == {key: alone[key] for key in (0, 2)}


@pytest.fixture
def prompted(monkeypatch):
    """How many prompts were read in each call."""
    counts, read = [], prefill.read_prompts

    def counting(model, tokens, *rest):
        counts.append(len(tokens))
        return read(model, tokens, *rest)

    monkeypatch.setattr(prefill, "read_prompts", counting)
    return counts


@pytest.fixture(scope="module")
def alike(small):
    """Jobs of one beam width, and what they give, each treated alone."""
    options = [dataclasses.replace(one, beam_size=5, sample_len=7) for one in MIXED]
    detected = DecodingOptions(languages=("de", "hi"), sample_len=5, temperatures=(0.0,))
    jobs = [(at, noise(at, 10), one) for at, one in enumerate([*options, detected])]
    return jobs, decode(small, jobs, 9, policy=ALONE)


def test_windows_heard_in_one_call(small, alike, prompted):
    """Prompts of unlike length, some languages given and some detected."""
    jobs, alone = alike
    together = decode(small, jobs, 9, policy=dataclasses.replace(ALONE, prefill_batch=4))
    assert prompted == [4, 4, 1]
    for key, expected in alone.items():
        assert_alike(together[key], expected)


def test_windows_of_unlike_widths_are_heard_apart(small, mixed, prompted):
    jobs, alone = mixed
    together = decode(small, jobs, 8, policy=dataclasses.replace(ALONE, prefill_batch=8))
    # eight beams, three and one; and again what loops behind its hotwords
    assert sorted(prompted) == [1, 1, 1, 1, 5]
    for key, expected in alone.items():
        assert_alike(together[key], expected)


def test_languages_asked_for_beside_windows_to_decode(small, alike, prompted):
    """Only those that want to be decoded read a prompt, each with its own sound."""
    jobs, alone = alike
    asking = DecodingOptions(task="lang_id")
    jobs = [("first", noise(1, 8), asking), *jobs[:2], ("last", noise(2, 8), asking), jobs[2]]
    expected = {key: alone[key] for key in (0, 1, 2)}
    expected |= decode(small, [jobs[0], jobs[3]], 2, policy=ALONE)
    prompted.clear()
    together = decode(small, jobs, 5, policy=dataclasses.replace(ALONE, prefill_batch=5))
    assert prompted == [3]
    assert together.keys() == expected.keys()
    for key, one in expected.items():
        assert_alike(together[key], one)


def beside(windows, steps=1):
    """So many are judged while others step, all else alone."""
    return dataclasses.replace(later(steps), judged_beside_a_step=windows)


@pytest.mark.parametrize("slots", [8, 3])
@pytest.mark.parametrize("policy", [(1,), (2,), (8,), (2, 4)])
def test_to_be_judged_beside_steps_changes_nothing(small, mixed, slots, policy):
    """Who has fallen back, left or moved since the device was asked is not taken for done."""
    jobs, alone = mixed
    assert decode(small, jobs, slots, policy=beside(*policy)) == alone


def test_windows_known_to_be_done_wait_their_turn_to_be_judged(small):
    """Two of three that end together, then the third; and no step is taken for nobody."""
    brief = DecodingOptions(sample_len=2, **ONCE)
    jobs = [(at, noise(at, 5), brief) for at in range(3)]
    batch, requests = Batch(small, 3, policy=beside(2)), requests_of(jobs)
    with torch.inference_mode():
        for one in requests.values():
            batch._prefill_queue.start([one])
            batch.in_flight = [*batch.in_flight, one]
        counts = []
        while len(batch):
            batch.step()
            counts.append(batch.num_in(Phase.DECODING))
    assert counts[-2:] == [1, 0]
    assert sum(table.steps for table in batch._tables.values()) == len(counts) - 2
    assert results_of(requests, requests.values()) == decode(small, jobs, 3)


@pytest.mark.parametrize("slots", [8, 3])
def test_all_that_is_done_together(small, mixed, slots):
    jobs, alone = mixed
    together = decode(small, jobs, slots, policy=TOGETHER)
    for key, expected in alone.items():
        assert_alike(together[key], expected)


def later(steps):
    """Looks every so many steps; words are found beside the next step."""
    return dataclasses.replace(ALONE, steps_between_checks=steps, finishes_at_once=False)


@pytest.mark.parametrize("steps", [1, 4])
def test_words_found_beside_the_next_step_change_nothing(small, mixed, steps):
    """Their slots are empty by then, or taken: the same to the bit."""
    jobs, alone = mixed
    assert decode(small, jobs, 3, policy=later(steps)) == alone


def test_windows_on_their_way_out_are_counted_and_can_be_dropped(small):
    brief = DecodingOptions(sample_len=2, **ONCE)
    jobs = [(at, noise(at, 5), dataclasses.replace(brief, sample_len=at)) for at in (2, 2, 9)]
    jobs = [(at, clip, options) for at, (_, clip, options) in enumerate(jobs)]
    alone = decode(small, jobs, 1)
    batch, requests = Batch(small, 4, policy=later(1)), requests_of(jobs)
    with torch.inference_mode():
        batch.admit(list(requests.values()))
        assert batch.step() == []
        assert (len(batch), batch.num_in(Phase.WORD_TIMING), batch.free) == (3, 2, 1)
        requests[1].future.cancel()
        batch.drop_cancelled()
        assert (batch.in_flight, batch.free) == ([requests[0], requests[2]], 2)
        assert batch.step() == [requests[0]]
        results = results_of(requests, run_out(batch))
    assert results == {2: alone[2]}


def test_windows_enter_and_leave_a_cpu_one_behind_the_other(small):
    """So that the text of a recording comes steadily; what they give is the same."""
    endless = DecodingOptions(sample_len=60, suppress_tokens=(small.vocabulary.eot,), **ONCE)
    jobs = [(at, noise(at, 5), endless) for at in range(3)]
    batch, requests = Batch(small, 3), requests_of(jobs)
    left, finished, ends, entries = list(requests.values()), [], [], []
    with torch.inference_mode():
        for step in range(200):
            few = [left.pop(0) for _ in range(min(batch.admissible, len(left)))]
            entries += [step] * len(few)
            finished += batch.admit(few)
            done = batch.step()
            ends += [step] * len(done)
            finished += done
    pause = ALONE.steps_between_entries
    assert entries == [0, pause, 2 * pause]
    assert [second - first for first, second in itertools.pairwise(ends)] == [pause, pause]
    assert results_of(requests, finished) == decode(small, jobs, 3)
