"""A lane and, slot by slot, whose window sits there.

Windows are judged here, all that are done with one question to the device; what becomes of them is
decoding/engine/batch.py's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from torch import Tensor

from decoding.engine.fallback import Climb
from decoding.engine.prefill import Key
from decoding.engine.slots import Lane
from decoding.engine.word_timing import Decided
from decoding.model.loaded_model import LoadedModel
from decoding.search.hypotheses import best_hypothesis, on_host


@dataclass(frozen=True, slots=True, eq=False)
class Seated(Generic[Key]):
    """A window in a slot; `no_speech_prob` is one number on the device."""

    key: Key
    climb: Climb
    no_speech_prob: Tensor


@dataclass(slots=True, eq=False)
class Table(Generic[Key]):
    """Slots are dense: when a window leaves, the last one moves into its place."""

    lane: Lane
    seated: list[Seated[Key]] = field(default_factory=list)
    steps: int = 0

    def __len__(self) -> int:
        return len(self.seated)

    def step(self) -> None:
        if self.seated:
            self.lane.step()
            self.steps += 1

    def done(self, steps_between_looks: int) -> Sequence[int]:
        """Slots whose search is over, last first; none when it is not yet time to look."""
        if self.steps % steps_between_looks:
            return ()
        return self.lane.done()

    def leave(self, at: int) -> None:
        self.lane.leave(at)
        last = self.seated.pop()
        if at < len(self.seated):
            self.seated[at] = last

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        for at in reversed(range(len(self.seated))):
            if is_unwanted(self.seated[at].key):
                self.leave(at)


@dataclass(frozen=True, slots=True, eq=False)
class Slot(Generic[Key]):
    """A place at a table, as long as nobody leaves it."""

    table: Table[Key]
    at: int

    @property
    def seated(self) -> Seated[Key]:
        return self.table.seated[self.at]

    def decided(self) -> Decided[Key]:
        seated = self.seated
        return Decided(seated.key, seated.climb, self.table.lane.audio_of(self.at))


def judge(model: LoadedModel, slots: Sequence[Slot[Key]]) -> list[bool]:
    """Whether the window in each slot, whose search is over, climbs no further."""
    searches, no_speech = on_host(
        [slot.table.lane.search_of(slot.at) for slot in slots],
        [slot.seated.no_speech_prob for slot in slots],
    )
    verdicts = []
    for slot, search, probability in zip(slots, searches, no_speech, strict=True):
        climb = slot.seated.climb
        hypothesis = best_hypothesis(search, climb.options.length_penalty)
        tokens = model.decoder.columns.tokens(hypothesis.tokens)
        hypothesis = replace(hypothesis, tokens=tokens)
        verdicts.append(climb.judge(hypothesis, probability, model.vocabulary))
    return verdicts
