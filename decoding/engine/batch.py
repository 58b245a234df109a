"""Windows being decoded together: they enter, step, fall back to higher temperatures and come out
as `Decoded`.

No threads, futures or queues here: whoever owns the device calls `admit` and `step` in turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

from decoding.device.side_stream import SideStream, side_stream_for
from decoding.engine.batching_policy import BatchingPolicy, batching_policy_for
from decoding.engine.fallback import TemperatureFallback
from decoding.engine.language_detection import DetectedLanguage, only_language
from decoding.engine.prefill import Key, PrefillResult, WindowRequest
from decoding.engine.prefill_queue import PrefillQueue
from decoding.engine.prompt_prefill import PrefilledWindow
from decoding.engine.slot_table import RunningWindow, Slot, SlotTable, judge
from decoding.engine.slots import SlotGroup, width_for
from decoding.engine.token_suppression import TokenSuppressions
from decoding.engine.word_timing import WordTimingQueue, no_numbers
from decoding.errors import NotFinite
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

    `policy`: how much is done at once; `side_stream`: where windows are prefilled; the device's own
    when None.
    """

    def __init__(
        self,
        model: LoadedModel,
        slots: int,
        *,
        policy: BatchingPolicy | None = None,
        side_stream: SideStream | None = None,
    ) -> None:
        self.slots = slots
        self._model = model
        self._policy = policy or batching_policy_for(model.device)
        self._prefill_queue: PrefillQueue[Key] = PrefillQueue(
            model, self._policy.prefill_batch, side_stream or side_stream_for(model.device)
        )
        self._word_timing: WordTimingQueue[Key] = WordTimingQueue(
            model, self._policy.alignment_batch
        )
        self._suppressions = TokenSuppressions(model)
        self._tables: dict[int, SlotTable[Key]] = {}

    def __len__(self) -> int:
        return len(self._prefill_queue) + self._num_running + len(self._word_timing)

    @property
    def free(self) -> int:
        """Slots that nobody is in, on the way to, or on the way out of."""
        return max(0, self.slots - len(self))

    @property
    def admissible(self) -> int:
        """Requests to take now: so few that nobody's cancel, or memory, is burdened by them."""
        policy = self._policy
        places = self.slots + policy.prefill_ahead - len(self)
        return max(0, min(places, policy.prefill_batch - len(self._prefill_queue)))

    def keys(self) -> list[Key]:
        running = [one.key for table in self._tables.values() for one in table.running]
        return self._word_timing.keys() + running + self._prefill_queue.keys()

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        """Take windows out at once, unfinished."""
        self._prefill_queue.drop(is_unwanted)
        self._word_timing.drop(is_unwanted)
        for table in self._tables.values():
            table.drop(is_unwanted)

    def admit(self, requests: Sequence[tuple[Key, Clip, DecodingOptions]]) -> list[Outcome[Key]]:
        """Begin the prefill of the requests; those whose prefill is over get a slot.

        Returns those that needed no decoding.
        """
        outcomes = self._find_speech([one for one in requests if not one[2].needs_slot])
        self._prefill_queue.start([WindowRequest(*one) for one in requests if one[2].needs_slot])
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
        """One token for every running window; returns those that are finished.

        Waits for a prefill to end if nothing else is running.
        """
        outcomes = self._receive(wait=self._num_running == 0)
        tables = list(self._tables.values())
        for table in tables:
            table.step()
        # 1. while the device takes this step: the words of those that were finished before it
        outcomes += self._finish_timed()
        # 2. who is done now
        pause = self._policy.steps_between_checks
        self._judge_finished([Slot(table, at) for table in tables for at in table.done(pause)])
        if self._policy.finishes_at_once or self._num_running == 0:
            outcomes += self._finish_timed()
        return outcomes

    @property
    def _num_running(self) -> int:
        return sum(len(table) for table in self._tables.values())

    def _receive(self, *, wait: bool) -> list[Outcome[Key]]:
        """Give slots to windows whose prefill is over. Returns those that need none."""
        outcomes = []
        for one in self._prefill_queue.ready(self.slots - self._num_running, wait=wait):
            if one.prefilled is None:
                outcomes.append(Outcome(one.request.key, self._language_alone(one.language)))
            else:
                self._start(one, one.prefilled)
        return outcomes

    def _language_alone(self, language: DetectedLanguage) -> Decoded | NotFinite:
        if any(map(math.isnan, language.probabilities.values())):
            return no_numbers(self._model)
        return only_language(language)

    def _start(self, result: PrefillResult[Key], prefilled: PrefilledWindow) -> None:
        fallback = TemperatureFallback(
            result.request.clip,
            result.request.options,
            result.language,
            len(prefilled.prompt.tokens),
        )
        running = RunningWindow(result.request.key, fallback, prefilled.no_speech_prob)
        self._insert(running, prefilled, fallback.plan(self._model.dimensions.n_text_ctx))

    def _insert(self, running: RunningWindow[Key], prefilled: PrefilledWindow, plan: Plan) -> None:
        table = self._table(running.fallback.beams)
        table.slot_group.insert(prefilled, self._suppressions.of(running.fallback.options), plan)
        table.running.append(running)

    def _table(self, beams: int) -> SlotTable[Key]:
        width = width_for(beams)
        if width not in self._tables:
            self._tables[width] = SlotTable(SlotGroup(self._model, width, self.slots))
        return self._tables[width]

    def _judge_finished(self, done: Sequence[Slot[Key]]) -> None:
        """Judge the searches that are over; windows fall back or leave, the last of a table first.

        Nobody moves before the device knows of all whose words it shall find.
        """
        verdicts = list(zip(done, judge(self._model, done), strict=True))
        self._word_timing.start([slot.finished() for slot, is_finished in verdicts if is_finished])
        for slot, is_finished in verdicts:
            if is_finished:
                slot.table.release(slot.at)
            else:
                self._try_again(slot)

    def _finish_timed(self) -> list[Outcome[Key]]:
        return [Outcome(key, decoded) for key, decoded in self._word_timing.ready()]

    def _try_again(self, slot: Slot[Key]) -> None:
        running, slot_group = slot.running, slot.table.slot_group
        plan = running.fallback.plan(self._model.dimensions.n_text_ctx)
        if width_for(running.fallback.beams) == slot_group.width:
            slot_group.restart(slot.at, plan)
            return
        prefilled = slot_group.prefilled(slot.at)
        slot.table.release(slot.at)
        self._insert(running, prefilled, plan)
