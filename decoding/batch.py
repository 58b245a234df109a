"""Windows being decoded together: they enter, step, climb the ladder and come out as `Decoded`.

No threads, futures or queues here: whoever owns the device calls `admit` and `step` in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from torch import Tensor

from decoding.finishing import Decided, finish
from decoding.grouping import Grouping, grouping_for
from decoding.hypotheses import best_hypothesis
from decoding.ladder import Climb
from decoding.lane import FirstStep, Lane, listen, width_for
from decoding.language import HeardLanguage, detect_language
from decoding.mel import LogMel
from decoding.model import LoadedModel
from decoding.types import Clip, Decoded, DecodingOptions
from decoding.vocabulary import SECONDS_PER_TIMESTAMP

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Key]):
    """What became of the window that was admitted under `key`."""

    key: Key
    result: Decoded | Exception


@dataclass(slots=True, eq=False)
class _Table(Generic[Key]):
    """A lane and, slot by slot, whose window sits there."""

    lane: Lane
    seated: list[tuple[Key, Climb]] = field(default_factory=list)
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
        self._mel = LogMel(model.dimensions.n_mels, model.device)
        self._tables: dict[int, _Table[Key]] = {}
        self._biases: dict[frozenset[int], Tensor] = {}

    def __len__(self) -> int:
        return sum(len(table.seated) for table in self._tables.values())

    @property
    def free(self) -> int:
        return self.slots - len(self)

    def keys(self) -> list[Key]:
        return [key for table in self._tables.values() for key, _ in table.seated]

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        """Take windows out at once, undecided."""
        for table in self._tables.values():
            for at in reversed(range(len(table.seated))):
                if is_unwanted(table.seated[at][0]):
                    table.leave(at)

    def admit(self, newcomers: Sequence[tuple[Key, Clip, DecodingOptions]]) -> list[Outcome[Key]]:
        """Hear the newcomers and seat them. Returns those that needed no decoding."""
        if not newcomers:
            return []
        features = self._model.encoder(self._mel([clip.samples for _, clip, _ in newcomers]))
        outcomes = []
        for at, (key, clip, options) in enumerate(newcomers):
            decided = self._enter(key, clip, options, features[at : at + 1])
            if decided is not None:
                outcomes.append(Outcome(key, decided))
        return outcomes

    def step(self) -> list[Outcome[Key]]:
        """One token for every window; returns those that are decided."""
        tables = list(self._tables.values())
        for table in tables:
            table.step()
        pause = self._grouping.steps_between_looks
        return self._conclude([(table, at) for table in tables for at in table.done(pause)])

    def _enter(
        self, key: Key, clip: Clip, options: DecodingOptions, features: Tensor
    ) -> Decoded | None:
        model = self._model
        language = self._language(options, features)
        if options.task == "lang_id":
            return _only_language(language)
        prompt = model.vocabulary.prompt(options, language.code)
        listened = listen(model, features, prompt)
        climb = Climb(clip, options, language, listened.no_speech_prob, len(prompt.tokens))
        table = self._table(climb.beams)
        table.lane.enter(
            listened, self._first_step(options), climb.plan(model.dimensions.n_text_ctx)
        )
        table.seated.append((key, climb))
        return None

    def _language(self, options: DecodingOptions, features: Tensor) -> HeardLanguage:
        if options.language is not None and options.task != "lang_id":
            return HeardLanguage(options.language)
        audio = self._model.decoder.listen(features)
        return detect_language(self._model, audio, options.languages)

    def _table(self, beams: int) -> _Table[Key]:
        width = width_for(beams)
        if width not in self._tables:
            self._tables[width] = _Table(Lane(self._model, width, self.slots))
        return self._tables[width]

    def _first_step(self, options: DecodingOptions) -> FirstStep:
        vocabulary = self._model.vocabulary
        last_initial = None
        if not options.without_timestamps:
            last_initial = vocabulary.size
            if options.max_initial_timestamp:
                last_initial = round(options.max_initial_timestamp / SECONDS_PER_TIMESTAMP)
        suppressed = vocabulary.suppressed(options)
        if suppressed not in self._biases:
            bias = self._model.decoder.columns.bias(suppressed)
            self._biases[suppressed] = bias.to(self._model.device)
        blank = vocabulary.blank if options.suppress_blank else ()
        columns = self._model.decoder.columns.column_of[list(blank)].tolist()
        return FirstStep(tuple(columns), last_initial, self._biases[suppressed])

    def _conclude(self, done: Sequence[tuple[_Table[Key], int]]) -> list[Outcome[Key]]:
        """Judge the searches that are over; windows climb on or leave, the last of a table first.

        Nobody moves before all that are decided have got the times of their words.
        """
        are_decided = [self._judge(table, at) for table, at in done]
        decided = [slot for slot, is_decided in zip(done, are_decided, strict=True) if is_decided]
        results = finish(
            self._model,
            [Decided(table.seated[at][1], table.lane.audio_of(at)) for table, at in decided],
            self._grouping.aligned,
        )
        outcomes = [
            Outcome(table.seated[at][0], result)
            for (table, at), result in zip(decided, results, strict=True)
        ]
        for (table, at), is_decided in zip(done, are_decided, strict=True):
            if is_decided:
                table.leave(at)
            else:
                self._try_again(table, at)
        return outcomes

    def _judge(self, table: _Table[Key], at: int) -> bool:
        """Whether the window in slot `at` is decided with what its search found."""
        climb = table.seated[at][1]
        hypothesis = best_hypothesis(table.lane.search_of(at), climb.options.length_penalty)
        tokens = self._model.decoder.columns.tokens(hypothesis.tokens)
        return climb.judge(replace(hypothesis, tokens=tokens), self._model.vocabulary)

    def _try_again(self, table: _Table[Key], at: int) -> None:
        key, climb = table.seated[at]
        plan = climb.plan(self._model.dimensions.n_text_ctx)
        if width_for(climb.beams) == table.lane.width:
            table.lane.restart(at, plan)
            return
        listened = table.lane.listened(at)
        table.leave(at)
        other = self._table(climb.beams)
        other.lane.enter(listened, self._first_step(climb.options), plan)
        other.seated.append((key, climb))


def _only_language(language: HeardLanguage) -> Decoded:
    return Decoded(
        text="",
        tokens=(),
        words=(),
        timed_text=(),
        language=language.code,
        avg_logprob=0.0,
        no_speech_prob=0.0,
        compression_ratio=0.0,
        temperature=0.0,
        is_truncated=False,
        attempts=(),
        language_probabilities=language.probabilities,
    )
