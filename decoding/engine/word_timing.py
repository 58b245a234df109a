"""Word timing: the texts of finished windows are read once more, for the times of their words.

Judges nothing: what each window said is settled when it comes here, and its slot may be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import torch

from decoding.engine.fallback import TemperatureFallback, with_words
from decoding.engine.prefill import Key
from decoding.errors import NotFinite
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import KeyValue
from decoding.timing.token_alignment import Alignment, AlignmentRequest, audio_frames
from decoding.timing.words import TimedTokens, to_words
from decoding.types import Decoded


@dataclass(frozen=True, slots=True, eq=False)
class FinishedWindow(Generic[Key]):
    """A window that needs no further attempt, and its audio keys and values, each [1, heads, 1500,
    w]."""

    key: Key
    fallback: TemperatureFallback
    audio: list[KeyValue]


@dataclass(slots=True, eq=False)
class _WindowToTime(Generic[Key]):
    """What a window said, and where the times of its words will come from."""

    key: Key
    fallback: TemperatureFallback
    result: Decoded  # without words
    found: list[TimedTokens]  # whose words want times
    alignment: Alignment | None = None
    row: int = 0  # of the alignment


class WordTimingQueue(Generic[Key]):
    """Words are timed `at_once` windows in one call of the decoder."""

    def __init__(self, model: LoadedModel, at_once: int) -> None:
        self._model = model
        self._at_once = at_once
        self._waiting: list[_WindowToTime[Key]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def keys(self) -> list[Key]:
        return [one.key for one in self._waiting]

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        self._waiting = [one for one in self._waiting if not is_unwanted(one.key)]

    def start(self, finished: Sequence[FinishedWindow[Key]]) -> None:
        """Ask the device for all that is needed of it. Nobody waits; slots may change at once."""
        windows = [self._window_to_time(one) for one in finished]
        speaking = [at for at, one in enumerate(windows) if one.found]
        for first in range(0, len(speaking), self._at_once):
            part = speaking[first : first + self._at_once]
            requests = [self._alignment_request(windows[at]) for at in part]
            alignment = Alignment(
                self._model, _joined([finished[at].audio for at in part]), requests
            )
            for row, at in enumerate(part):
                windows[at].alignment, windows[at].row = alignment, row
        self._waiting += windows

    def ready(self) -> list[tuple[Key, Decoded | NotFinite]]:
        """All that wait, in order; they are here no longer. The paths of words are found now, on
        the host. A window for which the model gave no numbers has no text, and is not silence."""
        waiting, self._waiting = self._waiting, []
        return [(one.key, self._result(one)) for one in waiting]

    def _window_to_time(self, finished: FinishedWindow[Key]) -> _WindowToTime[Key]:
        fallback, vocabulary = finished.fallback, self._model.vocabulary
        result = fallback.result(vocabulary)
        return _WindowToTime(finished.key, fallback, result, fallback.to_align(result, vocabulary))

    def _alignment_request(self, one: _WindowToTime[Key]) -> AlignmentRequest:
        fallback = one.fallback
        tokenizer = self._model.vocabulary.tokenizer(fallback.language.code, fallback.options.task)
        text = tuple(token for timed in one.found for token in timed.tokens)
        return AlignmentRequest(
            tokenizer.sot_sequence, text, audio_frames(len(fallback.clip.samples))
        )

    def _result(self, one: _WindowToTime[Key]) -> Decoded | NotFinite:
        if not one.fallback.is_finite:
            return no_numbers(self._model)
        if one.alignment is None:
            return one.result
        vocabulary = self._model.vocabulary
        tokenizer = vocabulary.tokenizer(one.fallback.language.code, one.fallback.options.task)
        times = one.alignment.times(one.row)
        return with_words(one.result, to_words(one.found, times, tokenizer, vocabulary.eot))


def no_numbers(model: LoadedModel) -> NotFinite:
    """What is said of a window whose numbers overflowed."""
    return NotFinite(
        f"the numbers of {model.card.name} overflow in {model.card.precision}: take bf16 or fp32"
    )


def _joined(windows: Sequence[list[KeyValue]]) -> list[KeyValue]:
    """The keys and values of several windows, layer by layer; one window is not copied."""
    if len(windows) == 1:
        return windows[0]
    return [
        (torch.cat([key for key, _ in layer]), torch.cat([value for _, value in layer]))
        for layer in zip(*windows, strict=True)
    ]
