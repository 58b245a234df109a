"""Windows being decoded together: they enter, step, fall back to higher temperatures and come out
as `Decoded`.

No threads, futures or queues here: whoever owns the device calls `admit` and `step` in turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from decoding.device.side_stream import SideStream, side_stream_for
from decoding.engine.batching_policy import BatchingPolicy, batching_policy_for
from decoding.engine.fallback import drop_looping_text, due_beams, plan_attempt
from decoding.engine.language_detection import only_language
from decoding.engine.prefill import Prefiller
from decoding.engine.prefill_queue import PrefillQueue
from decoding.engine.slot_table import Reports, Slot, SlotTable, leave
from decoding.engine.slots import SlotGroup, width_for
from decoding.engine.window_request import Phase, WindowRequest
from decoding.engine.word_timing import WordTimingQueue, no_numbers
from decoding.errors import NotFinite
from decoding.model.loaded_model import LoadedModel
from decoding.search.state import Plan
from decoding.types import Decoded
from decoding.voice_activity.silero_network import VoiceActivity, only_speech


class Batch:
    """Windows between the scheduler and their results, up to `slots` of them in slots.

    `in_flight`: the requests, in the order in which they came; it is a new list after each change.
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
        self.in_flight: list[WindowRequest] = []
        self._model = model
        self._policy = policy or batching_policy_for(model.device)
        self._side_stream = side_stream or side_stream_for(model.device)
        at_once = self._policy.prefill_batch
        self._prefill_queue = PrefillQueue(
            Prefiller(model, at_once), at_once, self._side_stream, self._group_for
        )
        self._word_timing = WordTimingQueue(model, self._policy.alignment_batch)
        self._tables: dict[int, SlotTable] = {}
        self._steps_since_entry = self._policy.steps_between_entries

    def __len__(self) -> int:
        return len(self.in_flight)

    def num_in(self, phase: Phase) -> int:
        return sum(one.phase is phase for one in self.in_flight)

    @property
    def free(self) -> int:
        """Slots that nobody is in, on the way to, or on the way out of."""
        return max(0, self.slots - len(self))

    @property
    def admissible(self) -> int:
        """Requests to take now: so few that nobody's cancel, or memory, is burdened by them."""
        policy = self._policy
        if self.in_flight and self._steps_since_entry < policy.steps_between_entries:
            return 0
        under_way, decoding = self.num_in(Phase.PREFILL), self.num_in(Phase.DECODING)
        free = self.slots - under_way - decoding
        return max(0, min(free, policy.prefills_under_way - under_way))

    def drop_cancelled(self) -> None:
        """Take windows for which nobody waits any more out at once, unfinished."""
        dropped = [one for one in self.in_flight if one.future.cancelled()]
        if not dropped:
            return
        for one in dropped:
            one.phase = Phase.DROPPED
        self.in_flight = [one for one in self.in_flight if one.phase is not Phase.DROPPED]
        self._prefill_queue.forget_dropped()
        self._word_timing.forget_dropped()
        for table in self._tables.values():
            table.drop()

    def admit(self, requests: Sequence[WindowRequest]) -> list[WindowRequest]:
        """Begin the prefill of the requests; those whose prefill is over get a slot.

        Returns those that are finished: they needed no decoding.
        """
        finished = self._find_speech([one for one in requests if not one.needs_slot])
        windows = [one for one in requests if one.needs_slot]
        self.in_flight = self.in_flight + windows
        self._prefill_queue.start(windows)
        return finished + self._receive(wait=False)

    @cached_property
    def _voice_activity(self) -> VoiceActivity:
        return VoiceActivity(self._model.device)

    def _find_speech(self, requests: list[WindowRequest]) -> list[WindowRequest]:
        """Where speech is in the clips of those who ask for nothing else."""
        if requests:
            found = self._voice_activity([one.clip.samples for one in requests])
            for one, probabilities in zip(requests, found, strict=True):
                one.finish(only_speech(probabilities))
        return requests

    def step(self) -> list[WindowRequest]:
        """One token for every running window; returns those that are finished.

        Waits for a prefill to end if nothing else is running.
        """
        finished = self._receive(wait=self.num_in(Phase.DECODING) == 0)
        tables, pause = list(self._tables.values()), self._policy.steps_between_checks
        for table in tables:
            table.close_gaps()
        # 1. what some have found who are known to be done, and a step if there are others
        is_step_due = any(table.num_going for table in tables)
        reports = Reports(self._model, self._known_over(tables))
        if is_step_due:
            for table in tables:
                table.step()
        self._steps_since_entry += 1
        # 2. while the device takes this step: the words of those that were finished before it
        finished += self._finish_timed()
        # 3. who is done
        if self._policy.judged_beside_a_step:
            self._judge_finished(reports)
            for table in tables:
                table.look(pause)
        else:
            done = [Slot(table, at) for table in tables for at in table.done(pause)]
            self._judge_finished(Reports(self._model, done))
        if self._policy.finishes_at_once or self.num_in(Phase.DECODING) == 0:
            finished += self._finish_timed()
        return finished

    def _receive(self, *, wait: bool) -> list[WindowRequest]:
        """Give slots to windows whose prefill is over. Returns those that need none."""
        finished, entering = [], []
        for one in self._prefill_queue.ready(wait=wait):
            if one.prefilled is None:
                finished.append(self._finish(one, self._language_alone(one)))
            else:
                entering.append(one)
        if entering:
            self._steps_since_entry = 0
        self._enter(entering)
        return finished

    def _language_alone(self, request: WindowRequest) -> Decoded | NotFinite:
        language = request.language
        assert language is not None, "who is prefilled knows it"
        if any(map(math.isnan, language.probabilities.values())):
            return no_numbers(self._model)
        return only_language(language)

    def _enter(self, requests: Sequence[WindowRequest]) -> None:
        """The next attempts of prefilled windows begin, those of one width together."""
        alike: dict[int, list[tuple[WindowRequest, Plan]]] = {}
        for one in requests:
            plan = plan_attempt(one, self._model.dimensions.n_text_ctx)
            alike.setdefault(width_for(plan.beam_size), []).append((one, plan))
        for width, some in alike.items():
            self._tables[width].enter(some)

    def _group_for(self, request: WindowRequest) -> SlotGroup:
        """Where the due attempt of a window will be decoded.

        Elsewhere than on the CPU, where nobody has memory before writing there, only the first
        group has room for all at once: most windows are of one width.
        """
        width = width_for(due_beams(request))
        if width not in self._tables:
            is_whole = self._model.device.type == "cpu" or not self._tables
            slot_group = SlotGroup(
                self._model,
                width,
                self.slots,
                room=self.slots if is_whole else 1,
                side_stream=self._side_stream,
            )
            self._tables[width] = SlotTable(slot_group)
        return self._tables[width].slot_group

    def _known_over(self, tables: Sequence[SlotTable]) -> list[Slot]:
        """So many windows, whose search is over, as shall be judged beside the next step."""
        over: list[Slot] = []
        for table in tables:
            most = self._policy.judged_beside_a_step - len(over)
            over += [Slot(table, at) for at in table.take_over(most)]
        return over

    def _judge_finished(self, done: Reports) -> None:
        """Judge the searches that are over; windows fall back or leave, the last of a table first.

        Nobody moves before the device knows of all whose words it shall find.
        """
        verdicts = list(zip(done.slots, done.verdicts(), strict=True))
        leaving = [slot for slot, is_finished in verdicts if is_finished]
        self._word_timing.start(leaving)
        leave(leaving)
        again = [slot for slot, is_finished in verdicts if not is_finished]
        self._try_again(again)

    def _finish_timed(self) -> list[WindowRequest]:
        return [self._finish(one, result) for one, result in self._word_timing.ready()]

    def _finish(self, request: WindowRequest, result: Decoded | Exception) -> WindowRequest:
        request.finish(result)
        self.in_flight = [one for one in self.in_flight if one is not request]
        return request

    def _try_again(self, slots: Sequence[Slot]) -> None:
        bare = [slot for slot in slots if drop_looping_text(slot.request)]
        elsewhere = []
        for slot in slots:
            if slot in bare:
                continue
            request, slot_group = slot.request, slot.table.slot_group
            target = self._group_for(request)
            if target is slot_group:
                plan = plan_attempt(request, self._model.dimensions.n_text_ctx)
                slot_group.restart(slot.at, plan)
            else:
                request.prefilled = target.take_over(slot_group, slot.at)
                elsewhere.append(slot)
        moving = [slot.request for slot in elsewhere]
        anew = [slot.request for slot in bare]
        leave(sorted((*elsewhere, *bare), key=slots.index))
        self._enter(moving)
        self._prefill_queue.start(anew)
