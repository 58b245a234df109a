"""Windows being decoded together: they enter, step, climb the ladder and come out as `Decoded`.

No threads, futures or queues here: whoever owns the device calls `admit` and `step` in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

from decoding.device.side_stream import Beside, beside_for
from decoding.engine.batching_policy import Grouping, grouping_for
from decoding.engine.fallback import Climb
from decoding.engine.language_detection import only_language
from decoding.engine.prefill import Heard, Key, Newcomer
from decoding.engine.prefill_queue import Arrivals
from decoding.engine.prompt_prefill import Listened
from decoding.engine.slot_table import Seated, Slot, Table, judge
from decoding.engine.slots import Lane, width_for
from decoding.engine.token_suppression import FirstSteps
from decoding.engine.word_timing import Departures
from decoding.model.loaded_model import LoadedModel
from decoding.search.state import Plan
from decoding.types import Clip, Decoded, DecodingOptions
from decoding.voice_activity.silero_network import VoiceActivity, only_speech


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Key]):
    """What became of the window that was admitted under `key`."""

    key: Key
    result: Decoded | Exception


class Batch(Generic[Key]):
    """Up to `slots` windows in flight. Keys are the caller's and are never looked into.

    `grouping`: how much is done at once; `beside`: where newcomers are heard; the device's own when
    None.
    """

    def __init__(
        self,
        model: LoadedModel,
        slots: int,
        *,
        grouping: Grouping | None = None,
        beside: Beside | None = None,
    ) -> None:
        self.slots = slots
        self._model = model
        self._grouping = grouping or grouping_for(model.device)
        self._arrivals: Arrivals[Key] = Arrivals(
            model, self._grouping.heard, beside or beside_for(model.device)
        )
        self._departures: Departures[Key] = Departures(model, self._grouping.aligned)
        self._first_steps = FirstSteps(model)
        self._tables: dict[int, Table[Key]] = {}

    def __len__(self) -> int:
        return len(self._arrivals) + self._num_seated + len(self._departures)

    @property
    def free(self) -> int:
        """Slots that nobody is in, on the way to, or on the way out of."""
        return max(0, self.slots - len(self))

    @property
    def welcome(self) -> int:
        """Newcomers to take now: so few that nobody's cancel, or memory, is burdened by them."""
        grouping = self._grouping
        places = self.slots + grouping.ahead - len(self)
        return max(0, min(places, grouping.heard - len(self._arrivals)))

    def keys(self) -> list[Key]:
        seated = [one.key for table in self._tables.values() for one in table.seated]
        return self._departures.keys() + seated + self._arrivals.keys()

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        """Take windows out at once, undecided."""
        self._arrivals.drop(is_unwanted)
        self._departures.drop(is_unwanted)
        for table in self._tables.values():
            table.drop(is_unwanted)

    def admit(self, newcomers: Sequence[tuple[Key, Clip, DecodingOptions]]) -> list[Outcome[Key]]:
        """Begin to hear the newcomers; those who have been heard are seated.

        Returns those that needed no decoding.
        """
        outcomes = self._find_speech([one for one in newcomers if not one[2].needs_slot])
        self._arrivals.start([Newcomer(*one) for one in newcomers if one[2].needs_slot])
        return outcomes + self._receive(wait=False)

    @cached_property
    def _voice_activity(self) -> VoiceActivity:
        return VoiceActivity(self._model.device)

    def _find_speech(
        self, asking: Sequence[tuple[Key, Clip, DecodingOptions]]
    ) -> list[Outcome[Key]]:
        """Where speech is in the clips of those who ask for nothing else."""
        found = self._voice_activity([clip.samples for _, clip, _ in asking]) if asking else []
        pairs = zip(asking, found, strict=True)
        return [Outcome(key, only_speech(probabilities)) for (key, _, _), probabilities in pairs]

    def step(self) -> list[Outcome[Key]]:
        """One token for every seated window; returns those that are decided.

        Waits for newcomers to be heard if there is nobody else.
        """
        outcomes = self._receive(wait=self._num_seated == 0)
        tables = list(self._tables.values())
        for table in tables:
            table.step()
        # 1. while the device takes this step: the words of those that were decided before it
        outcomes += self._depart()
        # 2. who is done now
        pause = self._grouping.steps_between_looks
        self._conclude([Slot(table, at) for table in tables for at in table.done(pause)])
        if self._grouping.departs_at_once or self._num_seated == 0:
            outcomes += self._depart()
        return outcomes

    @property
    def _num_seated(self) -> int:
        return sum(len(table) for table in self._tables.values())

    def _receive(self, *, wait: bool) -> list[Outcome[Key]]:
        """Seat those who have been heard. Returns those that need no seat."""
        outcomes = []
        for one in self._arrivals.ready(self.slots - self._num_seated, wait=wait):
            if one.listened is None:
                outcomes.append(Outcome(one.newcomer.key, only_language(one.language)))
            else:
                self._enter(one, one.listened)
        return outcomes

    def _enter(self, heard: Heard[Key], listened: Listened) -> None:
        climb = Climb(
            heard.newcomer.clip,
            heard.newcomer.options,
            heard.language,
            len(listened.prompt.tokens),
        )
        seated = Seated(heard.newcomer.key, climb, listened.no_speech_prob)
        self._seat(seated, listened, climb.plan(self._model.dimensions.n_text_ctx))

    def _seat(self, seated: Seated[Key], listened: Listened, plan: Plan) -> None:
        table = self._table(seated.climb.beams)
        table.lane.enter(listened, self._first_steps.of(seated.climb.options), plan)
        table.seated.append(seated)

    def _table(self, beams: int) -> Table[Key]:
        width = width_for(beams)
        if width not in self._tables:
            self._tables[width] = Table(Lane(self._model, width, self.slots))
        return self._tables[width]

    def _conclude(self, done: Sequence[Slot[Key]]) -> None:
        """Judge the searches that are over; windows climb on or leave, the last of a table first.

        Nobody moves before the device knows of all whose words it shall find.
        """
        verdicts = list(zip(done, judge(self._model, done), strict=True))
        self._departures.start([slot.decided() for slot, is_decided in verdicts if is_decided])
        for slot, is_decided in verdicts:
            if is_decided:
                slot.table.leave(slot.at)
            else:
                self._try_again(slot)

    def _depart(self) -> list[Outcome[Key]]:
        return [Outcome(key, decoded) for key, decoded in self._departures.ready()]

    def _try_again(self, slot: Slot[Key]) -> None:
        seated, lane = slot.seated, slot.table.lane
        plan = seated.climb.plan(self._model.dimensions.n_text_ctx)
        if width_for(seated.climb.beams) == lane.width:
            lane.restart(slot.at, plan)
            return
        listened = lane.listened(slot.at)
        slot.table.leave(slot.at)
        self._seat(seated, listened, plan)
