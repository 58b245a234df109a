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
from decoding.engine.slots import Look, SlotGroup
from decoding.engine.window_request import Phase, WindowRequest
from decoding.model.loaded_model import LoadedModel
from decoding.search.hypotheses import PendingSearches, best_hypothesis
from decoding.search.state import Plan


@dataclass(slots=True, eq=False)
class SlotTable:
    """Who is decoded in which place of a group of slots."""

    slot_group: SlotGroup
    running: dict[int, WindowRequest] = field(default_factory=dict)
    steps: int = 0
    _look: Look | None = None  # of the last step, to be read beside the next
    _over: list[WindowRequest] = field(default_factory=list)  # as looks have told

    def __len__(self) -> int:
        return len(self.running)

    @property
    def num_going(self) -> int:
        """Windows of which nobody knows that their search is over."""
        return sum(one not in self._over for one in self.running.values())

    def enter(self, windows: Sequence[tuple[WindowRequest, Plan]]) -> None:
        """The first attempt of this width begins for prefilled windows."""
        entering = [(request.take_prefilled(), plan) for request, plan in windows]
        self.slot_group.enter(entering)
        for (request, _), (prefilled, _) in zip(windows, entering, strict=True):
            self.running[prefilled.at] = request
            request.phase = Phase.DECODING

    def close_gaps(self) -> None:
        if self.running:
            moves = self.slot_group.close_gaps()
            self.running = {moves.get(at, at): one for at, one in self.running.items()}

    def step(self) -> None:
        if self.running:
            self.slot_group.step()
            self.steps += 1

    def done(self, steps_between_checks: int) -> Sequence[int]:
        """Places whose search is over, last first; none when it is not yet time to look."""
        if self.steps % steps_between_checks:
            return ()
        return self.slot_group.done()

    def look(self, steps_between_checks: int) -> None:
        """Read what the last look has told, and ask anew if it is time.

        The answer is read beside the next step: the device is not kept waiting.
        """
        asked, self._look = self._look, None
        if self.running and self.steps % steps_between_checks == 0:
            self._look = self.slot_group.look()
        if asked is not None:
            self._over = [self.running[at] for at in self.slot_group.done(asked)]

    def take_over(self, most: int) -> list[int]:
        """Places of up to `most` windows whose search is known to be over, the last first."""
        places = [at for at in sorted(self.running, reverse=True) if self.running[at] in self._over]
        taken = [self.running[at] for at in places[:most]]
        self._over = [one for one in self._over if one not in taken]
        return places[:most]

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


class Reports:
    """What the windows in some slots have found, whose search is over; on its way to the host.

    The slots of a table stand together. Nobody moves before the verdicts.
    """

    def __init__(self, model: LoadedModel, slots: Sequence[Slot]) -> None:
        self.slots = slots
        self._model = model
        tables = list(dict.fromkeys(slot.table for slot in slots))
        places = [[slot.at for slot in slots if slot.table is table] for table in tables]
        memories = [table.slot_group.memory for table in tables]
        self._told = PendingSearches(
            [
                (memory.search, send(some, model.device))
                for memory, some in zip(memories, places, strict=True)
            ],
            [memory.sounds for memory in memories],
        )

    def verdicts(self) -> list[bool]:
        """Whether the window in each slot needs no further attempt."""
        model, verdicts = self._model, []
        for slot, (search, numbers) in zip(self.slots, self._told.here(), strict=True):
            options, columns = slot.request.options, model.decoder.columns
            text_end = columns.layout.eot if options.ranking == "minimum_bayes_risk" else None
            hypothesis = best_hypothesis(search, options.length_penalty, text_end)
            tokens = columns.tokens(hypothesis.tokens)
            hypothesis = replace(hypothesis, tokens=tokens)
            sounds = Sounds(*numbers)
            verdicts.append(judge_attempt(slot.request, hypothesis, sounds, model.vocabulary))
        return verdicts


def leave(slots: Sequence[Slot]) -> None:
    """The windows leave, those of one table together."""
    for table in dict.fromkeys(slot.table for slot in slots):
        table.leave([slot.at for slot in slots if slot.table is table])
