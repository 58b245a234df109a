"""What a window leaves behind in its slot."""

from __future__ import annotations

import pytest
import torch

from decoding.engine.prompt_prefill import prefill_prompts
from decoding.engine.slots import SlotGroup, TokenSuppression
from decoding.kernels import beam_attention
from decoding.search.hypotheses import best_hypothesis
from decoding.search.state import Plan
from decoding.types import DecodingOptions

PLAN = Plan(beam_size=5, max_finished=5, budget=12, temperature=0.0, has_timestamps=True)


@pytest.fixture
def window_request(small):
    """A window that was heard, and its first step."""
    sound = torch.randn(1, 80, 3000, generator=torch.Generator().manual_seed(1))
    prompt = small.vocabulary.prompt(DecodingOptions(language="en"), "en")
    (heard,) = prefill_prompts(
        small, small.decoder.cross_attention_kv(small.encoder(sound)), [prompt]
    )
    return heard, TokenSuppression((220,), 50, small.decoder.columns.plain_bias)


def overflow(slot_group: SlotGroup) -> None:
    """Let the window in slot 0 go on with numbers that are none, as in half precision."""
    heard = [(key.clone(), value.clone()) for key, value in slot_group.audio_of(0)]
    for key, value in slot_group.audio_of(0):
        key.fill_(float("nan"))
        value.fill_(float("nan"))
    for _ in range(3):
        slot_group.step()
    for (key, value), (old_key, old_value) in zip(slot_group.audio_of(0), heard, strict=True):
        key.copy_(old_key)
        value.copy_(old_value)


@pytest.mark.parametrize("is_next_window", [True, False])
def test_numbers_that_are_none_are_not_handed_on(
    small, window_request, monkeypatch, is_next_window
):
    """Not to the slot's next window, not to the next attempt: a library reads what is masked."""
    monkeypatch.setattr(beam_attention, "supports", lambda query, positions: False)
    with torch.inference_mode():
        fresh, used = SlotGroup(small, 5, 1), SlotGroup(small, 5, 1)
        for slot_group in (fresh, used):
            slot_group.insert(*window_request, PLAN)
        overflow(used)
        if is_next_window:
            used.release(0)
            used.insert(*window_request, PLAN)
        else:
            used.restart(0, PLAN)
        for slot_group in (fresh, used):
            while not slot_group.done():
                slot_group.step()
    found, expected = (
        best_hypothesis(slot_group.search_of(0), None) for slot_group in (used, fresh)
    )
    assert found == expected
