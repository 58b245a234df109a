"""A window's way through the engine, as its own phase tells it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from decoding.engine.batch import Batch
from decoding.engine.batching_policy import ALONE
from decoding.engine.window_request import Phase, WindowRequest
from decoding.types import DecodingOptions
from tests.decoding.late import Late
from tests.decoding.noise import noise

TWO_TOKENS = DecodingOptions(language="en", sample_len=2, temperatures=(0.0, 0.6))


def phases_of(model, options, **policy):
    """The phases of one window at every moment that its batch can be asked, without repeats.

    Beside it is one that does not end before it: nobody alone waits to be timed.
    """
    policy = dataclasses.replace(ALONE, **policy)
    batch = Batch(model, 2, policy=policy, side_stream=Late(asks=1))
    endless = DecodingOptions(
        language="en", temperatures=(0.0,), suppress_tokens=(-1, model.vocabulary.eot)
    )
    request, other = (WindowRequest(noise(at, 5), one) for at, one in ((1, options), (2, endless)))
    phases = [request.phase]
    with torch.inference_mode():
        batch.admit([request, other])
        phases.append(request.phase)
        while request in batch.in_flight:
            assert other in batch.in_flight
            batch.step()
            phases.append(request.phase)
    return [phase for at, phase in enumerate(phases) if phase not in phases[:at]], request


def test_a_window_goes_from_phase_to_phase(small):
    phases, request = phases_of(small, TWO_TOKENS, finishes_at_once=False, steps_between_checks=2)
    assert phases == [
        Phase.WAITING, Phase.PREFILL, Phase.DECODING, Phase.WORD_TIMING, Phase.FINISHED,
    ]  # fmt: skip
    assert request.result.attempts == request.attempts
    assert request.prefilled is None  # the slot's, and gone with it


def test_who_wants_its_language_alone_takes_no_slot(small):
    phases, request = phases_of(small, DecodingOptions(task="lang_id"))
    assert phases == [Phase.WAITING, Phase.PREFILL, Phase.FINISHED]
    assert request.result.language == request.language.code


@pytest.mark.parametrize("asks", [0, 1])
def test_whom_nobody_waits_for_is_dropped_in_any_phase(small, asks):
    """Before its prefill is over, and in its slot."""
    batch = Batch(small, 1, side_stream=Late(asks))
    request = WindowRequest(noise(1, 5), TWO_TOKENS)
    with torch.inference_mode():
        batch.admit([request])
        assert request.phase is (Phase.PREFILL if asks else Phase.DECODING)
        request.future.cancel()
        batch.drop_cancelled()
        assert (request.phase, len(batch), batch.free) == (Phase.DROPPED, 0, 1)
        assert batch.step() == []
    assert request.result is None


def test_to_begin_anew_forgets_all_but_what_was_asked(small):
    _, request = phases_of(small, TWO_TOKENS)
    again = request.anew()
    assert (again.clip, again.options, again.future) == (
        request.clip, request.options, request.future,
    )  # fmt: skip
    fresh = WindowRequest(request.clip, request.options, request.future)
    for field in dataclasses.fields(WindowRequest):
        assert getattr(again, field.name) == getattr(fresh, field.name), field.name


def test_only_one_slot_may_have_what_was_prefilled():
    request = WindowRequest(noise(1, 5), TWO_TOKENS)
    with pytest.raises(AssertionError, match="nothing for a slot"):
        request.take_prefilled()
