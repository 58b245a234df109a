"""Windows being decoded together: they enter, step, climb the ladder and come out as `Decoded`.

No threads, futures or queues here: whoever owns the device calls `admit` and `step` in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from torch import Tensor

from decoding.finishing import Decided, finish
from decoding.first_steps import FirstSteps
from decoding.grouping import Grouping, grouping_for
from decoding.hearing import Heard, Hearing, Newcomer
from decoding.hypotheses import best_hypothesis, on_host
from decoding.ladder import Climb
from decoding.lane import Lane, width_for
from decoding.language import only_language
from decoding.listening import Listened
from decoding.model import LoadedModel
from decoding.search import Plan, SearchState
from decoding.types import Clip, Decoded, DecodingOptions

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Key]):
    """What became of the window that was admitted under `key`."""

    key: Key
    result: Decoded | Exception


@dataclass(frozen=True, slots=True, eq=False)
class _Seated(Generic[Key]):
    """A window in a slot; `no_speech_prob` is one number on the device."""

    key: Key
    climb: Climb
    no_speech_prob: Tensor


@dataclass(slots=True, eq=False)
class _Table(Generic[Key]):
    """A lane and, slot by slot, whose window sits there."""

    lane: Lane
    seated: list[_Seated[Key]] = field(default_factory=list)
    steps: int = 0

    def step(self) -> None:
        if self.seated:
            self.lane.step()
            self.steps += 1

    def done(self, steps_between_looks: int) -> Sequence[int]:
        """Slots whose search is over, last first; seen only when it is time to look again."""
        if self.steps % steps_between_looks:
            return ()
        return self.lane.done()

    def leave(self, at: int) -> None:
        self.lane.leave(at)
        last = self.seated.pop()
        if at < len(self.seated):
            self.seated[at] = last


class Batch(Generic[Key]):
    """Up to `slots` windows in flight. Keys are the caller's and are never looked into."""

    def __init__(self, model: LoadedModel, slots: int, *, grouping: Grouping | None = None) -> None:
        self.slots = slots
        self._model = model
        self._grouping = grouping or grouping_for(model.device)
        self._hearing: Hearing[Key] = Hearing(model, self._grouping.heard)
        self._first_steps = FirstSteps(model)
        self._tables: dict[int, _Table[Key]] = {}

    def __len__(self) -> int:
        return sum(len(table.seated) for table in self._tables.values())

    @property
    def free(self) -> int:
        return self.slots - len(self)

    def keys(self) -> list[Key]:
        return [one.key for table in self._tables.values() for one in table.seated]

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        """Take windows out at once, undecided."""
        for table in self._tables.values():
            for at in reversed(range(len(table.seated))):
                if is_unwanted(table.seated[at].key):
                    table.leave(at)

    def admit(self, newcomers: Sequence[tuple[Key, Clip, DecodingOptions]]) -> list[Outcome[Key]]:
        """Hear the newcomers and seat them. Returns those that needed no decoding."""
        heard = self._hearing.hear([Newcomer(*newcomer) for newcomer in newcomers])
        for one in heard:
            if one.listened is not None:
                self._enter(one, one.listened)
        return [
            Outcome(one.newcomer.key, only_language(one.language))
            for one in heard
            if one.listened is None
        ]

    def step(self) -> list[Outcome[Key]]:
        """One token for every window; returns those that are decided."""
        tables = list(self._tables.values())
        for table in tables:
            table.step()
        pause = self._grouping.steps_between_looks
        return self._conclude([(table, at) for table in tables for at in table.done(pause)])

    def _enter(self, heard: Heard[Key], listened: Listened) -> None:
        climb = Climb(
            heard.newcomer.clip,
            heard.newcomer.options,
            heard.language,
            len(listened.prompt.tokens),
        )
        seated = _Seated(heard.newcomer.key, climb, listened.no_speech_prob)
        self._seat(seated, listened, climb.plan(self._model.dimensions.n_text_ctx))

    def _seat(self, seated: _Seated[Key], listened: Listened, plan: Plan) -> None:
        table = self._table(seated.climb.beams)
        table.lane.enter(listened, self._first_steps.of(seated.climb.options), plan)
        table.seated.append(seated)

    def _table(self, beams: int) -> _Table[Key]:
        width = width_for(beams)
        if width not in self._tables:
            self._tables[width] = _Table(Lane(self._model, width, self.slots))
        return self._tables[width]

    def _conclude(self, done: Sequence[tuple[_Table[Key], int]]) -> list[Outcome[Key]]:
        """Judge the searches that are over; windows climb on or leave, the last of a table first.

        Nobody moves before all that are decided have got the times of their words.
        """
        are_decided = self._verdicts(done)
        decided = [slot for slot, is_decided in zip(done, are_decided, strict=True) if is_decided]
        results = finish(
            self._model,
            [Decided(table.seated[at].climb, table.lane.audio_of(at)) for table, at in decided],
            self._grouping.aligned,
        )
        outcomes = [
            Outcome(table.seated[at].key, result)
            for (table, at), result in zip(decided, results, strict=True)
        ]
        for (table, at), is_decided in zip(done, are_decided, strict=True):
            if is_decided:
                table.leave(at)
            else:
                self._try_again(table, at)
        return outcomes

    def _verdicts(self, done: Sequence[tuple[_Table[Key], int]]) -> list[bool]:
        """Whether each window is decided with what its search found; one question for all."""
        seated = [table.seated[at] for table, at in done]
        searches, no_speech = on_host(
            [table.lane.search_of(at) for table, at in done],
            [one.no_speech_prob for one in seated],
        )
        return [
            self._judge(one.climb, search, probability)
            for one, search, probability in zip(seated, searches, no_speech, strict=True)
        ]

    def _judge(self, climb: Climb, search: SearchState, no_speech_prob: float) -> bool:
        hypothesis = best_hypothesis(search, climb.options.length_penalty)
        tokens = self._model.decoder.columns.tokens(hypothesis.tokens)
        hypothesis = replace(hypothesis, tokens=tokens)
        return climb.judge(hypothesis, no_speech_prob, self._model.vocabulary)

    def _try_again(self, table: _Table[Key], at: int) -> None:
        seated = table.seated[at]
        plan = seated.climb.plan(self._model.dimensions.n_text_ctx)
        if width_for(seated.climb.beams) == table.lane.width:
            table.lane.restart(at, plan)
            return
        listened = table.lane.listened(at)
        table.leave(at)
        self._seat(seated, listened, plan)
