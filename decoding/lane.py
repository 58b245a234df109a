"""A lane: window slots of one beam width, decoded together, one token per step.

Slots are dense: when a window leaves, the last one moves into its place. A slot holds the window's
audio keys and values (once for all its beams), its text keys and values, and its search. Text keys
and values are written once and never moved: which of them a beam may see is a mask that follows
the beams. Knows nothing of clips or queues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from decoding.listening import Listened
from decoding.model import LoadedModel
from decoding.rules import forbid_at_start
from decoding.search import Plan, SearchState, advance
from decoding.text_decoder import SUM_POSITIONS, KeyValue

UNSEEN = float("-inf")
LIVE_STEP = SUM_POSITIONS  # attended positions are rounded up to a multiple: few shapes
FIRST_POSITIONS = 512
WIDTHS = (1, 2, 3, 5, 8, 12, 16)


def width_for(beams: int) -> int:
    """The lane width that holds so many beams."""
    return next(width for width in WIDTHS if width >= beams)


@dataclass(frozen=True, slots=True)
class FirstStep:
    """What the rules need once, for a window's first token, and the tokens never allowed."""

    blank: tuple[int, ...]  # columns
    last_initial: int | None
    bias: Tensor  # [columns] added to all logits, shared between windows


class _LaneMemory:
    """Writes each new token's keys and values to its place and shows all live places."""

    def __init__(self, layers: list[KeyValue], place: Tensor, live: int) -> None:
        self._layers = layers
        self._window = torch.arange(len(place), device=place.device)[:, None]
        self._place = place  # [w, b]
        self._live = live

    def extend(self, layer: int, key: Tensor, value: Tensor) -> KeyValue:
        windows = len(self._place)
        kept = []
        for cache, new in zip(self._layers[layer], (key, value), strict=True):
            cache.transpose(1, 2)[self._window, self._place] = new.transpose(1, 2)
            kept.append(cache[:windows, :, : self._live])
        return kept[0], kept[1]


@dataclass(slots=True)
class _Seat:
    """What the host knows of a slot without asking the device."""

    listened: Listened  # its audio is in the slot, not here
    first: FirstStep
    is_sampling: bool = False
    steps: int = 0


class Lane:
    """Slots for at most `capacity` windows of `width` beams; memory grows as slots are used."""

    def __init__(self, model: LoadedModel, width: int, capacity: int) -> None:
        self.width = width
        self.capacity = capacity
        self._model = model
        self._layout = model.decoder.columns.layout
        self._seats: list[_Seat] = []
        self._room = 0
        self._positions = FIRST_POSITIONS
        self._steps = model.dimensions.n_text_ctx + 1
        self._most_positions = -(-self._steps * width // LIVE_STEP) * LIVE_STEP
        self._search = SearchState.allocate(0, width, self._steps, model.device)
        self._audio: list[KeyValue] = []
        self._text: list[KeyValue] = []
        self._mask = torch.empty(0)
        self._bias: Tensor | None = None

    def __len__(self) -> int:
        return len(self._seats)

    # -- slots ------------------------------------------------------------------------------

    def enter(self, listened: Listened, first: FirstStep, plan: Plan) -> int:
        """Seat a window and take its first token. Returns its slot."""
        at = len(self._seats)
        if at >= self.capacity:
            raise ValueError(f"all {self.capacity} slots are taken")
        if at >= self._room:
            self._grow(min(self.capacity, max(1, 2 * self._room)), self._positions)
        self._seats.append(_Seat(replace(listened, audio=[]), first))
        for kept, new in zip(self._audio, listened.audio, strict=True):
            kept[0][at], kept[1][at] = new[0][0], new[1][0]
        length = len(listened.prompt.tokens)
        for kept, new in zip(self._text, listened.text, strict=True):
            kept[0][at, :, :length], kept[1][at, :, :length] = new[0][0], new[1][0]
        self._forget_biases()
        self.restart(at, plan)
        return at

    def restart(self, at: int, plan: Plan) -> None:
        """Begin another attempt on the window in slot `at`; what was heard stays."""
        seat = self._seats[at]
        seat.is_sampling, seat.steps = plan.uniforms is not None, 0
        self._mask[at] = UNSEEN
        self._mask[at, :, : len(seat.listened.prompt.tokens)] = 0.0
        self._search.start(at, plan)
        logits = (seat.listened.first_logits + seat.first.bias)[None, None]
        forbid_at_start(logits, self._layout, seat.first.blank, seat.first.last_initial)
        sampling = (0,) if seat.is_sampling else ()
        advance(self._search.rows(at, at + 1), logits, self._layout, sampling)
        seat.steps = 1

    def leave(self, at: int) -> None:
        """Empty slot `at`; the window in the last slot moves there."""
        last = len(self._seats) - 1
        if at != last:
            for caches in (self._audio, self._text):
                for key, value in caches:
                    key[at], value[at] = key[last], value[last]
            self._mask[at] = self._mask[last]
            self._search.rows(at, at + 1).copy_from(self._search.rows(last, last + 1))
            self._seats[at] = self._seats[last]
        self._seats.pop()
        self._forget_biases()

    def audio_of(self, at: int) -> list[KeyValue]:
        """Audio keys and values of the window in slot `at`, each [1, heads, 1500, width]."""
        return [(key[at : at + 1], value[at : at + 1]) for key, value in self._audio]

    def listened(self, at: int) -> Listened:
        """What the window in slot `at` needs to enter another lane."""
        audio = [(key.clone(), value.clone()) for key, value in self.audio_of(at)]
        return replace(self._seats[at].listened, audio=audio)

    def search_of(self, at: int) -> SearchState:
        return self._search.rows(at, at + 1)

    # -- steps ------------------------------------------------------------------------------

    def step(self) -> None:
        """One token for every window that is not done."""
        count, width = len(self._seats), self.width
        state = self._search.rows(0, count)
        # 1. where this token's keys and values go: after the prompt, one row of beams per step
        live = max(self._occupied(seat) for seat in self._seats) + width
        live = -(-live // LIVE_STEP) * LIVE_STEP
        if live > self._positions:
            self._grow(self._room, max(live, min(2 * self._positions, self._most_positions)))
        start = self._device_numbers([self._occupied(seat) for seat in self._seats])
        place = start[:, None] + torch.arange(width, device=start.device)
        window = torch.arange(count, device=start.device)[:, None]
        beam = torch.arange(width, device=start.device)[None]
        self._mask[window, beam, place] = 0.0
        # 2. the model
        position = self._device_numbers(
            [len(seat.listened.prompt.tokens) + seat.steps - 1 for seat in self._seats]
        )
        position = position.clamp(max=self._model.dimensions.n_text_ctx - 1)
        memory = _LaneMemory(self._text, place, live)
        hidden = self._model.decoder(
            self._model.decoder.columns.token_of[state.last],
            position[:, None].expand(count, width),
            self._live_audio(count),
            memory,
            self._mask[:count, None, :, :live],
        )
        logits = self._model.decoder.logits(hidden).add_(self._biases())
        # 3. the search; a beam sees what the beam that it continues saw
        sampling = [at for at, seat in enumerate(self._seats) if seat.is_sampling]
        source = advance(state, logits, self._layout, sampling)
        mask = self._mask[:count, :, :live]
        mask.copy_(mask.gather(1, source[..., None].expand(-1, -1, live)))
        for seat in self._seats:  # a window that is done may go on for a while, but not run over
            seat.steps = min(seat.steps + 1, self._steps - len(seat.listened.prompt.tokens))

    def done(self) -> Sequence[int]:
        """Slots whose search is over, last first, so that leaving does not move the others."""
        if not self._seats:
            return ()
        flags = self._search.is_done[: len(self._seats)].tolist()
        return [at for at in reversed(range(len(flags))) if flags[at]]

    # -- memory -----------------------------------------------------------------------------

    def _occupied(self, seat: _Seat) -> int:
        return len(seat.listened.prompt.tokens) + (seat.steps - 1) * self.width

    def _device_numbers(self, numbers: list[int]) -> Tensor:
        return torch.tensor(numbers, device=self._model.device)

    def _live_audio(self, count: int) -> list[KeyValue]:
        return [(key[:count], value[:count]) for key, value in self._audio]

    def _biases(self) -> Tensor:
        if self._bias is None:
            each = [seat.first.bias for seat in self._seats]
            same = all(one is each[0] for one in each)
            self._bias = each[0] if same else torch.stack(each)[:, None]
        return self._bias

    def _forget_biases(self) -> None:
        self._bias = None

    def _grow(self, room: int, positions: int) -> None:
        """Make room for so many slots and text positions; what is there is kept."""
        dims, device = self._model.dimensions, self._model.device
        heads, width, dtype = dims.n_text_head, dims.head_width, self._model.decoder.dtype
        audio_dtype = self._model.decoder.attention_dtype
        audio = (room, heads, dims.n_audio_ctx, width)
        text = (room, heads, positions, width)
        layers = range(dims.n_text_layer)
        if room != self._room:
            self._audio = self._audio or [
                _pair((0, *audio[1:]), audio_dtype, device) for _ in layers
            ]
            _enlarge(self._audio, audio)
            old_search = self._search
            self._search = SearchState.allocate(room, self.width, self._steps, device)
            self._search.rows(0, self._room).copy_from(old_search)
        self._text = self._text or [_pair((0, *text[1:]), dtype, device) for _ in layers]
        _enlarge(self._text, text)
        old_mask = self._mask
        self._mask = torch.full((room, self.width, positions), UNSEEN, dtype=dtype, device=device)
        if self._room:
            self._mask[: self._room, :, : old_mask.shape[2]] = old_mask
        self._room, self._positions = room, positions


def _pair(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> KeyValue:
    return (
        torch.zeros(shape, dtype=dtype, device=device),
        torch.zeros(shape, dtype=dtype, device=device),
    )


def _enlarge(layers: list[KeyValue], shape: tuple[int, ...]) -> None:
    """Put larger tensors in place of the old, one layer after the other: memory is short here."""
    for at, (key, value) in enumerate(layers):
        windows, _, positions, _ = key.shape
        larger = _pair(shape, key.dtype, key.device)
        for source, target in zip((key, value), larger, strict=True):
            target[:windows, :, :positions] = source
        layers[at] = larger
