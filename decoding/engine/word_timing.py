"""Word timing: the texts of finished windows are read once more, for the times of their words.

Judges nothing: what each window said is settled when it comes here, and its slot may be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from whisper.tokenizer import Tokenizer

from decoding.engine.fallback import best_result
from decoding.engine.window_request import Phase, WindowRequest
from decoding.errors import NotFinite
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import Audio
from decoding.timing.token_alignment import Alignment, AlignmentRequest, audio_frames
from decoding.timing.words import TimedTokens, split_at_timestamps, to_words
from decoding.types import Decoded


@dataclass(slots=True, eq=False)
class _WindowToTime:
    """What a window said, and where the times of its words will come from."""

    request: WindowRequest
    result: Decoded | NotFinite  # without words
    found: list[TimedTokens]  # whose words want times
    alignment: Alignment | None = None
    row: int = 0  # of the alignment


class WordTimingQueue:
    """Words are timed `at_once` windows in one call of the decoder."""

    def __init__(self, model: LoadedModel, at_once: int) -> None:
        self._model = model
        self._at_once = at_once
        self._waiting: list[_WindowToTime] = []

    def forget_dropped(self) -> None:
        self._waiting = [one for one in self._waiting if one.request.phase is Phase.WORD_TIMING]

    def start(self, requests: Sequence[WindowRequest], audio: Callable[[list[int]], Audio]) -> None:
        """Ask the device for all that is needed of it. Nobody waits; slots may change at once.

        The requests need no further attempt; `audio` gives keys and values of those at [w] of them,
        [w, heads, 1500, width].
        """
        windows = [self._window_to_time(one) for one in requests]
        speaking = [at for at, one in enumerate(windows) if one.found]
        for first in range(0, len(speaking), self._at_once):
            part = speaking[first : first + self._at_once]
            alignment = Alignment(
                self._model,
                audio(part),
                [self._alignment_request(windows[at]) for at in part],
            )
            for row, at in enumerate(part):
                windows[at].alignment, windows[at].row = alignment, row
        self._waiting += windows

    def ready(self) -> list[tuple[WindowRequest, Decoded | NotFinite]]:
        """All that wait, in order; they are here no longer. The paths of words are found now, on
        the host. A window for which the model gave no numbers has no text, and is not silence."""
        waiting, self._waiting = self._waiting, []
        return [(one.request, self._with_words(one)) for one in waiting]

    def _window_to_time(self, request: WindowRequest) -> _WindowToTime:
        request.phase = Phase.WORD_TIMING
        result = best_result(request, self._model.vocabulary)
        if result is None:
            return _WindowToTime(request, no_numbers(self._model), [])
        found: list[TimedTokens] = []
        if request.options.word_timestamps and result.text:
            vocabulary, seconds = self._model.vocabulary, request.clip.seconds
            found = split_at_timestamps(result.tokens, vocabulary, seconds)
        return _WindowToTime(request, result, found)

    def _alignment_request(self, one: _WindowToTime) -> AlignmentRequest:
        text = tuple(token for timed in one.found for token in timed.tokens)
        frames = audio_frames(len(one.request.clip.samples))
        return AlignmentRequest(self._tokenizer(one.request).sot_sequence, text, frames)

    def _with_words(self, one: _WindowToTime) -> Decoded | NotFinite:
        if one.alignment is None or isinstance(one.result, NotFinite):
            return one.result
        tokenizer, eot = self._tokenizer(one.request), self._model.vocabulary.eot
        words = to_words(one.found, one.alignment.times(one.row), tokenizer, eot)
        return replace(one.result, words=words)

    def _tokenizer(self, request: WindowRequest) -> Tokenizer:
        assert request.language is not None, "who comes here has been prefilled"
        return self._model.vocabulary.tokenizer(request.language.code, request.options.task)


def no_numbers(model: LoadedModel) -> NotFinite:
    """What is said of a window whose numbers overflowed."""
    return NotFinite(
        f"the numbers of {model.card.name} overflow in {model.card.precision}: take bf16 or fp32"
    )
