"""A group of slots and, slot by slot, whose window runs there.

Windows are judged here, all that are done with one question to the device; what becomes of them is
decoding/engine/batch.py's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from decoding.device.transfer import send
from decoding.engine.fallback import judge_attempt
from decoding.engine.quality import Sounds
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import Phase, WindowRequest
from decoding.model.loaded_model import LoadedModel
from decoding.search.hypotheses import best_hypothesis, on_host
from decoding.search.state import Plan


@dataclass(slots=True, eq=False)
class SlotTable:
    """Who is decoded in which place of a group of slots."""

    slot_group: SlotGroup
    running: dict[int, WindowRequest] = field(default_factory=dict)
    steps: int = 0

    def __len__(self) -> int:
        return len(self.running)

    def enter(self, windows: Sequence[tuple[WindowRequest, Plan]]) -> None:
        """The first attempt of this width begins for prefilled windows."""
        entering = [(request.take_prefilled(), plan) for request, plan in windows]
        self.slot_group.enter(entering)
        for (request, _), (prefilled, _) in zip(windows, entering, strict=True):
            self.running[prefilled.at] = request
            request.phase = Phase.DECODING

    def step(self) -> None:
        if self.running:
            moves = self.slot_group.close_gaps()
            self.running = {moves.get(at, at): one for at, one in self.running.items()}
            self.slot_group.step()
            self.steps += 1

    def done(self, steps_between_checks: int) -> Sequence[int]:
        """Places whose search is over, last first; none when it is not yet time to look."""
        if self.steps % steps_between_checks:
            return ()
        return self.slot_group.done()

    def leave(self, places: Sequence[int]) -> None:
        self.slot_group.leave(places)
        for at in places:
            del self.running[at]

    def drop(self) -> None:
        """Those for whom nobody waits leave."""
        self.leave([at for at, one in self.running.items() if one.phase is Phase.DROPPED])


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Who is in a place, as long as nobody moves."""

    table: SlotTable
    at: int

    @property
    def request(self) -> WindowRequest:
        return self.table.running[self.at]


def judge(model: LoadedModel, slots: Sequence[Slot]) -> list[bool]:
    """Whether the window in each slot, whose search is over, needs no further attempt.

    The slots of a table stand together.
    """
    tables = list(dict.fromkeys(slot.table for slot in slots))
    places = [[slot.at for slot in slots if slot.table is table] for table in tables]
    memories = [table.slot_group.memory for table in tables]
    told = on_host(
        [
            (memory.search, send(some, model.device))
            for memory, some in zip(memories, places, strict=True)
        ],
        [memory.sounds for memory in memories],
    )
    verdicts = []
    for slot, (search, sounds) in zip(slots, told, strict=True):
        hypothesis = best_hypothesis(search, slot.request.options.length_penalty)
        tokens = model.decoder.columns.tokens(hypothesis.tokens)
        hypothesis = replace(hypothesis, tokens=tokens)
        verdicts.append(judge_attempt(slot.request, hypothesis, Sounds(*sounds), model.vocabulary))
    return verdicts


def leave(slots: Sequence[Slot]) -> None:
    """The windows leave, those of one table together."""
    for table in dict.fromkeys(slot.table for slot in slots):
        table.leave([slot.at for slot in slots if slot.table is table])
