"""Word timing: the texts of finished windows are read once more, for the times of their words.

Judges nothing: what each window said is settled when it comes here, and its slot may be taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from whisper.tokenizer import Tokenizer

from decoding.device.cuda_graphs import Runner, in_parts, runner_for
from decoding.device.transfer import send_into
from decoding.engine.fallback import best_result
from decoding.engine.slot_memory import UsedMemories
from decoding.engine.slot_table import Slot
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import Phase, WindowRequest
from decoding.errors import NotFinite
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import Audio, padded
from decoding.timing.token_alignment import (
    Alignment,
    AlignmentRequest,
    AlignmentText,
    Ends,
    audio_frames,
    read_again,
)
from decoding.timing.words import TimedTokens, split_at_timestamps, to_words
from decoding.types import Decoded

TOLD = 3  # numbers of a window before its tokens: the place, the text's length, frames of sound


@dataclass(slots=True, eq=False)
class _WindowToTime:
    """What a window said, and where the times of its words will come from."""

    request: WindowRequest
    result: Decoded | NotFinite  # without words
    found: list[TimedTokens]  # whose words want times
    alignment: Alignment | None = None
    row: int = 0  # of the alignment


@dataclass(frozen=True, slots=True)
class ReadingShape:
    """Of texts of `length` tokens that are read again, from slots of one width."""

    width: int
    windows: int
    length: int
    first: int  # position from which on costs are wanted


class TextReader:
    """Reads the texts of a few windows of one group of slots again, all in one call.

    Where calls are replayed, texts are padded and sound is looked at to its end; elsewhere a window
    alone is read as it is, where it lies.
    """

    def __init__(self, model: LoadedModel, at_once: int, runner: Runner | None = None) -> None:
        dims, device = model.dimensions, model.device
        self.runner = runner or runner_for(device, cuda_graphs=model.cuda_graphs)
        self._model = model
        self._memories = UsedMemories(self.runner)
        told = at_once * (TOLD + dims.n_text_ctx)
        self._told = torch.zeros(told, dtype=torch.int64, device=device)
        kept = at_once if self.runner.replays else 0
        self._cost = torch.zeros(kept, dims.n_text_ctx, dims.n_audio_ctx, device=device)
        self._likely = torch.zeros(kept, dims.n_text_ctx, device=device)

    def read(
        self, slot_group: SlotGroup, places: Sequence[int], requests: Sequence[AlignmentRequest]
    ) -> Alignment:
        """Ask the device for all that the windows' alignment needs of it."""
        texts = [AlignmentText.of(self._model, one) for one in requests]
        assert len({one.first for one in texts}) == 1, "a model's transcripts all start alike"
        longest = max(len(one.tokens) for one in texts)
        length = self.runner.length(longest, self._model.dimensions.n_text_ctx)
        rows = padded([one.tokens for one in texts], length)
        told = [
            (place, len(text.tokens), request.frames, *row)
            for place, text, request, row in zip(places, texts, requests, rows, strict=True)
        ]
        send_into(self._told, [number for one in told for number in one])
        self._memories.use(slot_group.memory)
        shape = ReadingShape(slot_group.width, len(texts), length, texts[0].first)
        if self.runner.replays:
            self.runner.run(shape, self._read_and_keep)
            cost, likely = (kept.clone() for kept in self._kept(shape))
        elif len(texts) == 1:
            audio = slot_group.audio_of(places[0])
            cost, likely = self._read(shape, audio, requests[0].frames)
        else:
            cost, likely = self._read(shape)
        return Alignment(requests, texts, cost, likely)

    def _read(
        self, shape: ReadingShape, audio: Audio | None = None, frames: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """`audio` and `frames` of one window alone, of which nothing is padded."""
        told = self._told[: shape.windows * (TOLD + shape.length)].view(shape.windows, -1)
        ends = None if audio is not None else Ends(told[:, 1], told[:, 2])
        audio = audio or self._memories[shape.width].audio_of(told[:, 0])
        frames = frames or self._model.dimensions.n_audio_ctx
        return read_again(self._model, told[:, TOLD:], audio, shape.first, frames, ends)

    def _read_and_keep(self, shape: ReadingShape) -> None:
        """Takes nothing from the host and leaves what it finds in tensors that stay."""
        for kept, found in zip(self._kept(shape), self._read(shape), strict=True):
            kept.copy_(found)

    def _kept(self, shape: ReadingShape) -> tuple[Tensor, Tensor]:
        count = shape.length - shape.first
        return (
            self._cost[: shape.windows, : count - 1],
            self._likely[: shape.windows, : count - 2],
        )


class WordTimingQueue:
    """Words are timed `at_once` windows in one call of the decoder."""

    def __init__(self, model: LoadedModel, at_once: int) -> None:
        self._model = model
        self._at_once = at_once
        self._reader = TextReader(model, at_once)
        self._waiting: list[_WindowToTime] = []

    def forget_dropped(self) -> None:
        self._waiting = [one for one in self._waiting if one.request.phase is Phase.WORD_TIMING]

    def start(self, slots: Sequence[Slot]) -> None:
        """Ask the device for all that is needed of it. Nobody waits; slots may change at once.

        The windows in the slots need no further attempt.
        """
        windows = [self._window_to_time(slot.request) for slot in slots]
        alike: dict[SlotGroup, list[tuple[int, _WindowToTime]]] = {}
        for slot, one in zip(slots, windows, strict=True):
            if one.found:
                alike.setdefault(slot.table.slot_group, []).append((slot.at, one))
        for slot_group, some in alike.items():
            for part in in_parts(some, self._reader.runner, self._at_once):
                self._read(slot_group, part)
        self._waiting += windows

    def _read(self, slot_group: SlotGroup, windows: Sequence[tuple[int, _WindowToTime]]) -> None:
        requests = [self._alignment_request(one) for _, one in windows]
        alignment = self._reader.read(slot_group, [at for at, _ in windows], requests)
        for row, (_, one) in enumerate(windows):
            one.alignment, one.row = alignment, row

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
