"""A group of slots and, slot by slot, whose window runs there.

Windows are judged here, all that are done with one question to the device; what becomes of them is
decoding/engine/batch.py's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from torch import Tensor

from decoding.engine.fallback import TemperatureFallback
from decoding.engine.prefill import Key
from decoding.engine.slots import SlotGroup
from decoding.engine.word_timing import FinishedWindow
from decoding.model.loaded_model import LoadedModel
from decoding.search.hypotheses import best_hypothesis, on_host


@dataclass(frozen=True, slots=True, eq=False)
class RunningWindow(Generic[Key]):
    """A window in a slot; `no_speech_prob` is one number on the device."""

    key: Key
    fallback: TemperatureFallback
    no_speech_prob: Tensor


@dataclass(slots=True, eq=False)
class SlotTable(Generic[Key]):
    """Slots are dense: when a window leaves, the last one moves into its place."""

    slot_group: SlotGroup
    running: list[RunningWindow[Key]] = field(default_factory=list)
    steps: int = 0

    def __len__(self) -> int:
        return len(self.running)

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

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        for at in reversed(range(len(self.running))):
            if is_unwanted(self.running[at].key):
                self.release(at)


@dataclass(frozen=True, slots=True, eq=False)
class Slot(Generic[Key]):
    """A place at a table, as long as nobody leaves it."""

    table: SlotTable[Key]
    at: int

    @property
    def running(self) -> RunningWindow[Key]:
        return self.table.running[self.at]

    def finished(self) -> FinishedWindow[Key]:
        running = self.running
        return FinishedWindow(
            running.key, running.fallback, self.table.slot_group.audio_of(self.at)
        )


def judge(model: LoadedModel, slots: Sequence[Slot[Key]]) -> list[bool]:
    """Whether the window in each slot, whose search is over, needs no further attempt."""
    searches, no_speech = on_host(
        [slot.table.slot_group.search_of(slot.at) for slot in slots],
        [slot.running.no_speech_prob for slot in slots],
    )
    verdicts = []
    for slot, search, probability in zip(slots, searches, no_speech, strict=True):
        fallback = slot.running.fallback
        hypothesis = best_hypothesis(search, fallback.options.length_penalty)
        tokens = model.decoder.columns.tokens(hypothesis.tokens)
        hypothesis = replace(hypothesis, tokens=tokens)
        verdicts.append(fallback.judge(hypothesis, probability, model.vocabulary))
    return verdicts
