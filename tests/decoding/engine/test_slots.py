"""What a window leaves behind in its place, and how places are taken and left."""

from __future__ import annotations

import pytest
import torch

from decoding.device.cuda_graphs import RecordingRunner
from decoding.engine.prefill import Prefiller
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import WindowRequest
from decoding.kernels import beam_attention
from decoding.search.hypotheses import best_hypothesis
from decoding.search.state import Plan
from decoding.types import Clip, DecodingOptions
from tests.decoding.noise import noise
from tests.decoding.operations import OperationRecorder

CLIP = noise(1, 5)
PLAN = Plan(beam_size=5, max_finished=5, budget=12, temperature=0.0, has_timestamps=True)


@pytest.fixture
def enter(small):
    """Puts a window that was heard into a group of slots, where it takes its first token."""
    prefiller = Prefiller(small, 1)

    def enter(slot_group: SlotGroup, clip: Clip = CLIP) -> WindowRequest:
        request = WindowRequest(clip, DecodingOptions(language="en"))
        prefiller.prompt(prefiller.encode([request], slot_group, [slot_group.reserve()]))
        slot_group.enter([(request.prefilled, PLAN)])
        return request

    return enter


def overflow(slot_group: SlotGroup) -> None:
    """Let the window in slot 0 go on with numbers that are none, as in half precision."""
    heard = slot_group.memory.audio.clone()
    slot_group.memory.audio.fill_(float("nan"))
    for _ in range(3):
        slot_group.step()
    slot_group.memory.audio.copy_(heard)


@pytest.mark.parametrize("is_next_window", [True, False])
def test_numbers_that_are_none_are_not_handed_on(small, enter, monkeypatch, is_next_window):
    """Not to the slot's next window, not to the next attempt: a library reads what is masked."""
    monkeypatch.setattr(beam_attention, "supports", lambda query, positions: False)
    with torch.inference_mode():
        fresh, used = SlotGroup(small, 5, 1), SlotGroup(small, 5, 1)
        for slot_group in (fresh, used):
            enter(slot_group)
        overflow(used)
        if is_next_window:
            used.leave([0])
            enter(used)
        else:
            used.restart(0, PLAN)
        for slot_group in (fresh, used):
            while not slot_group.done():
                slot_group.step()
    found, expected = (
        best_hypothesis(slot_group.memory.search.rows(0, 1), None) for slot_group in (used, fresh)
    )
    assert found == expected


def text_of(slot_group: SlotGroup, at: int) -> tuple[int, ...]:
    return best_hypothesis(slot_group.memory.search.rows(at, at + 1), None).tokens


def run(slot_group: SlotGroup) -> None:
    while len(slot_group.done()) < len(slot_group):
        slot_group.step()


def test_the_last_move_down_where_steps_become_smaller(small, enter):
    """Five windows, of which two leave: the last one takes the first free place, and goes on."""
    clips = [noise(at, 5) for at in range(5)]
    with torch.inference_mode():
        alone = []
        for clip in clips:
            slot_group = SlotGroup(small, 5, 1)
            enter(slot_group, clip)
            run(slot_group)
            alone.append(text_of(slot_group, 0))
        slot_group = SlotGroup(small, 5, 6)
        for clip in clips:
            enter(slot_group, clip)
        for _ in range(3):
            slot_group.step()
        slot_group.leave([3, 1])
        assert slot_group.close_gaps() == {4: 1}
        assert slot_group.close_gaps() == {}
        run(slot_group)
        assert [text_of(slot_group, at) for at in (0, 1, 2)] == [alone[0], alone[4], alone[2]]
        assert [slot_group.reserve() for _ in range(3)] == [3, 4, 5]
    with pytest.raises(ValueError, match="all 6 places"):
        slot_group.reserve()


def test_nobody_moves_where_steps_stay_as_they_are(small, enter):
    """Three of a step that is recorded for four."""
    slot_group = SlotGroup(small, 5, 8, runner=RecordingRunner(OperationRecorder()))
    with torch.inference_mode():
        for at in range(4):
            enter(slot_group, noise(at, 5))
        slot_group.leave([0])
        assert slot_group.close_gaps() == {}
        slot_group.leave([1])
        assert slot_group.close_gaps() == {3: 0, 2: 1}


def test_a_group_that_grows_keeps_its_windows(small, enter):
    """One place, then two, then four; and more text than there was room for."""
    clips = [noise(at, 5) for at in range(3)]
    texts = []
    with torch.inference_mode():
        for room in (3, 1):
            slot_group = SlotGroup(small, 5, 4, room=room)
            for clip in clips:
                enter(slot_group, clip)
                slot_group.step()
            run(slot_group)
            texts.append([text_of(slot_group, at) for at in range(3)])
        assert slot_group.memory.room == 4
    assert texts[0] == texts[1]
