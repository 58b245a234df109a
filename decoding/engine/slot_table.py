"""A group of slots and, slot by slot, whose window runs there.

Windows are judged here, all that are done with one question to the device; what becomes of them is
decoding/engine/batch.py's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from decoding.engine.fallback import judge_attempt
from decoding.engine.quality import Sounds
from decoding.engine.slots import SlotGroup, TokenSuppression
from decoding.engine.window_request import Phase, WindowRequest
from decoding.model.loaded_model import LoadedModel
from decoding.search.hypotheses import best_hypothesis, on_host
from decoding.search.state import Plan


@dataclass(slots=True, eq=False)
class SlotTable:
    """Slots are dense: when a window leaves, the last one moves into its place."""

    slot_group: SlotGroup
    running: list[WindowRequest] = field(default_factory=list)
    steps: int = 0

    def __len__(self) -> int:
        return len(self.running)

    def insert(self, request: WindowRequest, first: TokenSuppression, plan: Plan) -> None:
        """Give a prefilled window a slot, in which its first attempt of this width begins."""
        self.slot_group.insert(request.take_prefilled(), first, plan)
        self.running.append(request)
        request.phase = Phase.DECODING

    def step(self) -> None:
        if self.running:
            self.slot_group.step()
            self.steps += 1

    def done(self, steps_between_checks: int) -> Sequence[int]:
        """Slots whose search is over, last first; none when it is not yet time to look."""
        if self.steps % steps_between_checks:
            return ()
        return self.slot_group.done()

    def release(self, at: int) -> None:
        self.slot_group.release(at)
        last = self.running.pop()
        if at < len(self.running):
            self.running[at] = last

    def release_dropped(self) -> None:
        for at in reversed(range(len(self.running))):
            if self.running[at].phase is Phase.DROPPED:
                self.release(at)


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """A place at a table, as long as nobody leaves it."""

    table: SlotTable
    at: int

    @property
    def request(self) -> WindowRequest:
        return self.table.running[self.at]


def judge(model: LoadedModel, slots: Sequence[Slot]) -> list[bool]:
    """Whether the window in each slot, whose search is over, needs no further attempt."""
    searches, numbers = on_host(
        [slot.table.slot_group.search_of(slot.at) for slot in slots],
        [
            *(slot.table.slot_group.no_speech_prob_of(slot.at) for slot in slots),
            *(slot.table.slot_group.language_prob_of(slot.at) for slot in slots),
        ],
    )
    no_speech, language = numbers[: len(slots)], numbers[len(slots) :]
    verdicts = []
    for slot, search, *sounds in zip(slots, searches, no_speech, language, strict=True):
        hypothesis = best_hypothesis(search, slot.request.options.length_penalty)
        tokens = model.decoder.columns.tokens(hypothesis.tokens)
        hypothesis = replace(hypothesis, tokens=tokens)
        verdicts.append(judge_attempt(slot.request, hypothesis, Sounds(*sounds), model.vocabulary))
    return verdicts
