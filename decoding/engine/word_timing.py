"""Decided windows on their way out: their texts are read once more, for the times of their words.

Judges nothing: what each window said is settled when it comes here, and its slot may be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import torch

from decoding.engine.fallback import Climb, with_words
from decoding.engine.prefill import Key
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import KeyValue
from decoding.timing.token_alignment import Alignment, Reading, heard_frames
from decoding.timing.words import Stretch, to_words
from decoding.types import Decoded


@dataclass(frozen=True, slots=True, eq=False)
class Decided(Generic[Key]):
    """A window that climbs no further, and its audio keys and values, each [1, heads, 1500, w]."""

    key: Key
    climb: Climb
    audio: list[KeyValue]


@dataclass(slots=True, eq=False)
class _Departure(Generic[Key]):
    """What a window said, and where the times of its words will come from."""

    key: Key
    climb: Climb
    result: Decoded  # without words
    found: list[Stretch]  # whose words want times
    alignment: Alignment | None = None
    row: int = 0  # of the alignment


class Departures(Generic[Key]):
    """Words are timed `at_once` windows in one call of the decoder."""

    def __init__(self, model: LoadedModel, at_once: int) -> None:
        self._model = model
        self._at_once = at_once
        self._waiting: list[_Departure[Key]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def keys(self) -> list[Key]:
        return [one.key for one in self._waiting]

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        self._waiting = [one for one in self._waiting if not is_unwanted(one.key)]

    def start(self, decided: Sequence[Decided[Key]]) -> None:
        """Ask the device for all that is needed of it. Nobody waits; slots may change at once."""
        departures = [self._departure(one) for one in decided]
        talking = [at for at, one in enumerate(departures) if one.found]
        for first in range(0, len(talking), self._at_once):
            part = talking[first : first + self._at_once]
            readings = [self._reading(departures[at]) for at in part]
            alignment = Alignment(
                self._model, _joined([decided[at].audio for at in part]), readings
            )
            for row, at in enumerate(part):
                departures[at].alignment, departures[at].row = alignment, row
        self._waiting += departures

    def ready(self) -> list[tuple[Key, Decoded]]:
        """All that wait, in order; they are here no longer. The paths of words are found now, on
        the host."""
        waiting, self._waiting = self._waiting, []
        return [(one.key, self._result(one)) for one in waiting]

    def _departure(self, decided: Decided[Key]) -> _Departure[Key]:
        climb, vocabulary = decided.climb, self._model.vocabulary
        result = climb.result(vocabulary)
        return _Departure(decided.key, climb, result, climb.to_align(result, vocabulary))

    def _reading(self, one: _Departure[Key]) -> Reading:
        climb = one.climb
        tokenizer = self._model.vocabulary.tokenizer(climb.language.code, climb.options.task)
        text = tuple(token for stretch in one.found for token in stretch.tokens)
        return Reading(tokenizer.sot_sequence, text, heard_frames(len(climb.clip.samples)))

    def _result(self, one: _Departure[Key]) -> Decoded:
        if one.alignment is None:
            return one.result
        vocabulary = self._model.vocabulary
        tokenizer = vocabulary.tokenizer(one.climb.language.code, one.climb.options.task)
        times = one.alignment.times(one.row)
        return with_words(one.result, to_words(one.found, times, tokenizer, vocabulary.eot))


def _joined(windows: Sequence[list[KeyValue]]) -> list[KeyValue]:
    """The keys and values of several windows, layer by layer; one window is not copied."""
    if len(windows) == 1:
        return windows[0]
    return [
        (torch.cat([key for key, _ in layer]), torch.cat([value for _, value in layer]))
        for layer in zip(*windows, strict=True)
    ]
