"""Slots: windows of one beam width with their KV caches, decoded together, one token per step.

Slots are dense: when a window leaves, the last one moves into its place. A slot holds the window's
audio keys and values (once for all its beams), its text keys and values, and its search. Text keys
and values are written once and never moved: which of them a beam may see is a mask that follows
the beams. What a step does on the device depends on its shape and on tensors that stay where they
are, so that it can be recorded and replayed. Knows nothing of clips or queues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from decoding.device.cuda_graphs import Runner, StepShape, runner_for
from decoding.engine.memory import lasting
from decoding.engine.prompt_prefill import PrefilledWindow
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import SUM_POSITIONS, KeyValue
from decoding.search.beam_search import advance
from decoding.search.logit_rules import forbid_at_start
from decoding.search.state import Plan, SearchState

UNSEEN = float("-inf")
LIVE_STEP = SUM_POSITIONS  # attended positions are rounded up to a multiple: few shapes
FIRST_POSITIONS = 512
WIDTHS = (1, 2, 3, 5, 8, 12, 16)


def width_for(beams: int) -> int:
    """The width of slots that holds so many beams."""
    return next(width for width in WIDTHS if width >= beams)


@dataclass(frozen=True, slots=True)
class TokenSuppression:
    """What the rules need once, for a window's first token, and the tokens never allowed."""

    blank: tuple[int, ...]  # columns
    last_initial: int | None
    bias: Tensor  # [columns] added to all logits, shared between windows


class _SlotCache:
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
class _SlotState:
    """What the host knows of a slot without asking the device."""

    prefilled: PrefilledWindow  # its audio is in the slot, not here
    first: TokenSuppression
    is_sampling: bool = False
    steps: int = 0


class SlotGroup:
    """Slots for at most `capacity` windows of `width` beams; memory grows as slots are used.

    `runner` takes the steps in which nobody samples; the device's own if None. Slots that hold no
    window are done, and write to their own first place if a step is taken with them.
    """

    def __init__(
        self, model: LoadedModel, width: int, capacity: int, *, runner: Runner | None = None
    ) -> None:
        self.width = width
        self.capacity = capacity
        self._model = model
        self._runner = runner or runner_for(model.device, cuda_graphs=model.cuda_graphs)
        self._layout = model.decoder.columns.layout
        self._slots: list[_SlotState] = []
        self._room = 0
        self._positions = FIRST_POSITIONS
        self._steps = model.dimensions.n_text_ctx + 1
        self._most_positions = -(-self._steps * width // LIVE_STEP) * LIVE_STEP
        self._search = SearchState.allocate(0, width, self._steps, model.device)
        dims, decoder = model.dimensions, model.decoder
        nothing = torch.empty(0, device=model.device)
        audio, text = nothing.to(decoder.attention_dtype), nothing.to(decoder.dtype)
        self._audio: list[KeyValue] = [(audio, audio)] * dims.n_text_layer
        self._text: list[KeyValue] = [(text, text)] * dims.n_text_layer
        self._mask = text  # [room, width, positions] added to scores: what a beam may see
        self._bias = nothing  # [room, 1, columns]
        self._place = nothing.long()  # [room] where the next keys and values go
        self._position = nothing.long()  # [room] of the newest token

    def __len__(self) -> int:
        return len(self._slots)

    # -- slots ------------------------------------------------------------------------------

    def insert(self, prefilled: PrefilledWindow, first: TokenSuppression, plan: Plan) -> int:
        """Put a window into a slot and take its first token. Returns the slot."""
        at = len(self._slots)
        if at >= self.capacity:
            raise ValueError(f"all {self.capacity} slots are taken")
        if at >= self._room:
            self._grow(min(self.capacity, max(1, 2 * self._room)), self._positions)
        self._slots.append(_SlotState(replace(prefilled, audio=[]), first))
        for kept, new in zip(self._audio, prefilled.audio, strict=True):
            kept[0][at], kept[1][at] = new[0][0], new[1][0]
        length = len(prefilled.prompt.tokens)
        for kept, new in zip(self._text, prefilled.text, strict=True):
            kept[0][at, :, :length], kept[1][at, :, :length] = new[0][0], new[1][0]
        self._bias[at, 0] = first.bias
        self.restart(at, plan)
        return at

    def restart(self, at: int, plan: Plan) -> None:
        """Begin another attempt on the window in slot `at`; its audio stays."""
        slot = self._slots[at]
        length = len(slot.prefilled.prompt.tokens)
        self._clean(at, length)
        slot.is_sampling, slot.steps = plan.uniforms is not None, 0
        self._mask[at] = UNSEEN
        self._mask[at, :, :length] = 0.0
        self._place[at] = self._position[at] = length
        self._search.start(at, plan)
        logits = (slot.prefilled.first_logits + slot.first.bias)[None, None]
        forbid_at_start(logits, self._layout, slot.first.blank, slot.first.last_initial)
        sampling = (0,) if slot.is_sampling else ()
        advance(self._search.rows(at, at + 1), logits, self._layout, sampling)
        slot.steps = 1

    def release(self, at: int) -> None:
        """Empty slot `at`; the window in the last slot moves there."""
        last = len(self._slots) - 1
        if at != last:
            for caches in (self._audio, self._text):
                for key, value in caches:
                    key[at], value[at] = key[last], value[last]
            for kept in (self._mask, self._bias, self._place, self._position):
                kept[at] = kept[last]
            self._search.rows(at, at + 1).copy_from(self._search.rows(last, last + 1))
            self._slots[at] = self._slots[last]
        self._clean(last, 0)
        self._slots.pop()
        self._search.stop(last)
        self._place[last] = self._position[last] = 0

    def audio_of(self, at: int) -> list[KeyValue]:
        """Audio keys and values of the window in slot `at`, each [1, heads, 1500, width]."""
        return [(key[at : at + 1], value[at : at + 1]) for key, value in self._audio]

    def prefilled(self, at: int) -> PrefilledWindow:
        """What the window in slot `at` needs to enter a slot of another width."""
        audio = [(key.clone(), value.clone()) for key, value in self.audio_of(at)]
        return replace(self._slots[at].prefilled, audio=audio)

    def search_of(self, at: int) -> SearchState:
        return self._search.rows(at, at + 1)

    def no_speech_prob_of(self, at: int) -> Tensor:
        """One number, still on the device."""
        return self._slots[at].prefilled.no_speech_prob

    def language_prob_of(self, at: int) -> Tensor:
        """How likely the likeliest language is, one number on the device."""
        return self._slots[at].prefilled.language_prob

    # -- steps ------------------------------------------------------------------------------

    def step(self) -> None:
        """One token for every window that is not done."""
        live = max(self._occupied(slot) for slot in self._slots) + self.width
        live = -(-live // LIVE_STEP) * LIVE_STEP
        if live > self._positions:
            self._grow(self._room, max(live, min(2 * self._positions, self._most_positions)))
        count, bias = len(self._slots), self._slots[0].first.bias
        has_one_bias = all(slot.first.bias is bias for slot in self._slots)
        sampling = [at for at, slot in enumerate(self._slots) if slot.is_sampling]
        if sampling:
            self._take_tokens(StepShape(count, live, has_one_bias), sampling)
        else:
            slots = self._runner.slots(count, self._room)
            self._runner.run(StepShape(slots, live, has_one_bias), self._take_tokens)
        for slot in self._slots:  # a window that is done may go on for a while, but not run over
            slot.steps = min(slot.steps + 1, self._steps - len(slot.prefilled.prompt.tokens))

    def _take_tokens(self, shape: StepShape, sampling: Sequence[int] = ()) -> None:
        """What a step does on the device.

        Without `sampling` it asks the device nothing, takes nothing from the host and leaves its
        results in tensors that stay: it may be replayed as long as they are not replaced.
        """
        slots, live = shape.slots, shape.live
        state = self._search.rows(0, slots)
        # 1. this token's keys and values go after the prompt, one row of beams per step
        place = self._place[:slots, None] + torch.arange(self.width, device=self._place.device)
        mask = self._mask[:slots, :, :live]
        mask.scatter_(2, place[..., None], 0.0)
        # 2. the model
        position = self._position[:slots].clamp(max=self._model.dimensions.n_text_ctx - 1)
        hidden = self._model.decoder(
            self._model.decoder.columns.token_of[state.last],
            position[:, None].expand(slots, self.width),
            [(key[:slots], value[:slots]) for key, value in self._audio],
            _SlotCache(self._text, place, live),
            mask[:, None],
        )
        bias = self._bias[: 1 if shape.has_one_bias else slots]
        logits = self._model.decoder.logits(hidden).add_(bias)
        # 3. the search; a beam sees what the beam that it continues saw
        source = advance(state, logits, self._layout, sampling)
        mask.copy_(mask.gather(1, source[..., None].expand(-1, -1, live)))
        # 4. whoever is done stays where it is
        is_going = ~state.is_done
        self._place[:slots].add_(is_going, alpha=self.width)
        self._position[:slots].add_(is_going)

    def done(self) -> Sequence[int]:
        """Slots whose search is over, last first, so that leaving does not move the others."""
        if not self._slots:
            return ()
        flags = self._search.is_done[: len(self._slots)].tolist()
        return [at for at in reversed(range(len(flags))) if flags[at]]

    # -- memory -----------------------------------------------------------------------------

    def _occupied(self, slot: _SlotState) -> int:
        return len(slot.prefilled.prompt.tokens) + (slot.steps - 1) * self.width

    def _clean(self, at: int, start: int) -> None:
        """Wipe the text of slot `at` from a position on.

        What is no number there, as when half precision overflows, would spoil the sums of whoever
        comes next, though it may not be seen.
        """
        stop = self._occupied(self._slots[at])
        for key, value in self._text:
            key[at, :, start:stop] = 0.0
            value[at, :, start:stop] = 0.0

    def _grow(self, room: int, positions: int) -> None:
        """Make room for so many slots and text positions; what is there is kept."""
        self._runner.forget()
        dims, search = self._model.dimensions, self._search
        heads, width = dims.n_text_head, dims.head_width
        _enlarge(self._audio, (room, heads, dims.n_audio_ctx, width))
        _enlarge(self._text, (room, heads, positions, width))
        self._mask = _larger(self._mask, (room, self.width, positions), UNSEEN)
        self._bias = _larger(self._bias, (room, 1, len(self._model.decoder.columns.plain_bias)))
        self._place, self._position = (
            _larger(kept, (room,)) for kept in (self._place, self._position)
        )
        if room != self._room:
            self._search = SearchState.allocate(room, self.width, self._steps, self._model.device)
            self._search.rows(0, self._room).copy_from(search)
        self._room, self._positions = room, positions


def _enlarge(layers: list[KeyValue], shape: tuple[int, ...]) -> None:
    """Put larger tensors in place of the old, one layer after the other: memory is short here."""
    for at, (key, value) in enumerate(layers):
        layers[at] = _larger(key, shape), _larger(value, shape)


def _larger(old: Tensor, shape: tuple[int, ...], default: float = 0.0) -> Tensor:
    """A tensor with the old one in its first corner; the old one itself if it has the shape."""
    if old.shape == shape:
        return old
    new = lasting(old, shape, default)
    if len(old):
        new[tuple(slice(size) for size in old.shape)] = old
    return new
