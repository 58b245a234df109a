"""Slots: windows of one beam width with their KV caches, decoded together, one token per step.

A window has its place from the beginning of its prefill, which writes there beside the steps of the
others, until it leaves; who comes next takes a place that was left, and only where none comes, the
last windows move down. Text keys and values are written once and never moved: which of them a beam
may see is a mask that follows the beams. What is done on the device depends on its shape and on
tensors that stay where they are, so that it can be recorded and replayed. Knows nothing of clips or
queues.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from decoding.device.cuda_graphs import Runner, StepShape, runner_for
from decoding.device.side_stream import InlineStream, SideStream
from decoding.device.transfer import fetch, send_into
from decoding.engine.slot_memory import UNSEEN, PlaceAlone, SlotMemory
from decoding.engine.token_suppression import TokenSuppression
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import SUM_POSITIONS, Audio, KeyValue
from decoding.search.beam_search import advance
from decoding.search.state import Plan

LIVE_STEP = SUM_POSITIONS  # attended positions are rounded up to a multiple: few shapes
FIRST_POSITIONS = 512
WIDTHS = (1, 2, 3, 5, 8, 12, 16)
TOLD = 2 + 6  # numbers of a beginning: the place, the prompt's length, and the plan's


def width_for(beams: int) -> int:
    """The width of slots that holds so many beams."""
    return next(width for width in WIDTHS if width >= beams)


@dataclass(frozen=True, slots=True)
class FirstShape:
    """Of the first tokens of so many windows."""

    windows: int


@dataclass(frozen=True, slots=True, eq=False)
class PrefilledWindow:
    """A window after its prefill, which waits in its place; its prompt has `length` tokens."""

    slot_group: SlotGroup
    at: int
    length: int
    suppression: TokenSuppression


class _SlotCache:
    """Writes each new token's keys and values to its place and shows all live places."""

    def __init__(self, text: Tensor, place: Tensor, live: int) -> None:
        self._text = text
        self._window = torch.arange(len(place), device=place.device)[:, None]
        self._place = place  # [w, b]
        self._live = live

    def extend(self, layer: int, key: Tensor, value: Tensor) -> KeyValue:
        windows = len(self._place)
        kept = []
        for cache, new in zip(self._text[layer], (key, value), strict=True):
            cache.transpose(1, 2)[self._window, self._place] = new.transpose(1, 2)
            kept.append(cache[:windows, :, : self._live])
        return kept[0], kept[1]


@dataclass(slots=True)
class _SlotState:
    """What the host knows of a slot without asking the device."""

    length: int  # of the prompt
    suppression: TokenSuppression
    is_sampling: bool
    steps: int = 1


class SlotGroup:
    """Places for at most `capacity` windows of `width` beams, of which `room` are there at once.

    `runner` takes the steps in which nobody samples; the device's own if None. `side_stream`:
    where windows are prefilled.
    """

    def __init__(
        self,
        model: LoadedModel,
        width: int,
        capacity: int,
        *,
        room: int | None = None,
        runner: Runner | None = None,
        side_stream: SideStream | None = None,
    ) -> None:
        self.width = width
        self.capacity = capacity
        self.memory = SlotMemory(model, width)
        self._model = model
        self._runner = runner or runner_for(model.device, cuda_graphs=model.cuda_graphs)
        self._side_stream = side_stream or InlineStream()
        self._layout = model.decoder.columns.layout
        self._slots: dict[int, _SlotState] = {}  # of the windows that are decoded
        self._free: list[int] = []  # places that nobody has, the first last
        self._steps = model.dimensions.n_text_ctx + 1
        self._most_positions = -(-self._steps * width // LIVE_STEP) * LIVE_STEP
        self._told = torch.zeros(capacity * TOLD, dtype=torch.float64, device=model.device)
        self._one_bias = torch.zeros_like(model.decoder.columns.plain_bias)[None, None]
        self._shown_bias: Tensor | None = None  # what `_one_bias` was made of
        self._grow(capacity if room is None else room, FIRST_POSITIONS)

    def __len__(self) -> int:
        return len(self._slots)

    # -- slots ------------------------------------------------------------------------------

    def reserve(self) -> int:
        """A place for a window whose prefill begins."""
        if not self._free:
            room = self.memory.room
            if room >= self.capacity:
                raise ValueError(f"all {self.capacity} places are taken")
            self._grow(min(self.capacity, 2 * room), self.memory.positions)
        return self._free.pop()

    def enter(self, windows: Sequence[tuple[PrefilledWindow, Plan]]) -> None:
        """Windows of this group whose prefill is over take their first tokens, all at once."""
        at = 0
        for count in self._runner.parts(len(windows)) if windows else ():
            self._begin(windows[at : at + count])
            at += count

    def restart(self, at: int, plan: Plan) -> None:
        """Begin another attempt on the window in place `at`; its audio stays."""
        slot = self._slots[at]
        self.memory.wipe(at, slot.length, self._occupied(slot))
        self._begin([(PrefilledWindow(self, at, slot.length, slot.suppression), plan)])

    def leave(self, places: Sequence[int]) -> None:
        """Windows leave their places, or will never take them."""
        if any(at not in self._slots for at in places):
            self._side_stream.join()  # a prefill that nobody wants may still write there
        for at in places:
            slot = self._slots.pop(at, None)
            written = self._occupied(slot) if slot else self._model.dimensions.n_text_ctx
            self.memory.wipe(at, 0, written)
        if places:
            self.memory.leave(places)
            self._free = sorted([*self._free, *places], reverse=True)

    def audio_of(self, at: int) -> Audio:
        """Audio keys and values of the window in place `at`, each [1, heads, 1500, width]."""
        return PlaceAlone(self.memory.audio, at)

    def take_over(self, other: SlotGroup, other_at: int) -> PrefilledWindow:
        """A window of another group gets a place here too, with what its prefill left there."""
        slot, at = other._slots[other_at], self.reserve()
        self._side_stream.join()  # a prefill that nobody wants may still write there
        self.memory.copy_prefilled(at, other.memory, other_at, slot.length)
        return PrefilledWindow(self, at, slot.length, slot.suppression)

    def close_gaps(self) -> dict[int, int]:
        """Move the last windows into free places if steps become smaller by that. Returns their
        new places."""
        moves: dict[int, int] = {}
        free = list(self._free)
        for at in sorted(self._slots, reverse=True):
            if not free or free[-1] > at:
                break
            moves[at] = free.pop()
        moved = {moves.get(at, at): slot for at, slot in self._slots.items()}
        if not moves or self._size_of_step(moved) == self._size_of_step(self._slots):
            return {}
        self.memory.move(list(moves), list(moves.values()))
        self._free = sorted(free, reverse=True)
        self.leave(list(moves))
        self._slots = moved
        return moves

    # -- steps ------------------------------------------------------------------------------

    def step(self) -> None:
        """One token for every window that is not done."""
        live = max(map(self._occupied, self._slots.values())) + self.width
        live = -(-live // LIVE_STEP) * LIVE_STEP
        if live > self.memory.positions:
            most = min(2 * self.memory.positions, self._most_positions)
            self._grow(self.memory.room, max(live, most))
        sampling = [at for at, slot in self._slots.items() if slot.is_sampling]
        if sampling:
            shape = StepShape(max(self._slots) + 1, live, self._shows_one_bias())
            self._take_tokens(shape, sampling)
        else:
            shape = StepShape(self._size_of_step(self._slots), live, self._shows_one_bias())
            self._runner.run(shape, self._take_tokens)
        for slot in self._slots.values():  # who is done may go on for a while, but not run over
            slot.steps = min(slot.steps + 1, self._steps - slot.length)

    def _size_of_step(self, slots: Collection[int]) -> int:
        """How many places, from the first, take part in a step of these."""
        return self._runner.slots(max(slots) + 1, self.memory.room)

    def _shows_one_bias(self) -> bool:
        """Whether all windows have the same bias, which is then where a step looks for it."""
        bias = next(iter(self._slots.values())).suppression.bias
        if any(slot.suppression.bias is not bias for slot in self._slots.values()):
            return False
        if self._shown_bias is not bias:
            self._one_bias.copy_(bias)
            self._shown_bias = bias
        return True

    def _take_tokens(self, shape: StepShape, sampling: Sequence[int] = ()) -> None:
        """What a step does on the device.

        Without `sampling` it asks the device nothing, takes nothing from the host and leaves its
        results in tensors that stay: it may be replayed as long as they are not replaced.
        """
        slots, live, memory = shape.slots, shape.live, self.memory
        state = memory.search.rows(0, slots)
        # 1. this token's keys and values go after the prompt, one row of beams per step
        place = memory.place[:slots, None] + torch.arange(self.width, device=memory.place.device)
        memory.mask[:slots].scatter_(2, place[..., None], 0.0)
        mask = memory.mask[:slots, :, :live]
        # 2. the model
        position = memory.position[:slots].clamp(max=self._model.dimensions.n_text_ctx - 1)
        hidden = self._model.decoder(
            self._model.decoder.columns.token_of[state.last],
            position[:, None].expand(slots, self.width),
            [(key, value) for key, value in memory.audio[:, :, :slots]],
            _SlotCache(memory.text, place, live),
            mask[:, None],
        )
        bias = self._one_bias if shape.has_one_bias else memory.bias[:slots, None]
        logits = self._model.decoder.logits(hidden).add_(bias)
        # 3. the search; a beam sees what the beam that it continues saw
        source = advance(state, logits, self._layout, sampling)
        mask.copy_(mask.gather(1, source[..., None].expand(-1, -1, live)))
        # 4. whoever is done stays where it is
        is_going = ~state.is_done
        memory.place[:slots].add_(is_going, alpha=self.width)
        memory.position[:slots].add_(is_going)

    def done(self) -> list[int]:
        """Places of windows whose search is over, the last first."""
        if not self._slots:
            return []
        flags = fetch([self.memory.search.is_done[: max(self._slots) + 1]])[0].tolist()
        return [at for at in sorted(self._slots, reverse=True) if flags[at]]

    # -- first tokens -----------------------------------------------------------------------

    def _begin(self, windows: Sequence[tuple[PrefilledWindow, Plan]]) -> None:
        told: list[float] = []
        for one, plan in windows:
            if plan.uniforms is not None:
                self.memory.search.tell_uniforms(one.at, plan.uniforms)
            self._slots[one.at] = _SlotState(one.length, one.suppression, plan.is_sampling)
            told += (one.at, one.length, *plan.numbers)
        send_into(self._told, told)
        sampling = [at for at, (_, plan) in enumerate(windows) if plan.is_sampling]
        if sampling:
            self._take_first(FirstShape(len(windows)), sampling)
        else:
            self._runner.run(FirstShape(len(windows)), self._take_first)

    def _take_first(self, shape: FirstShape, sampling: Sequence[int] = ()) -> None:
        """What the first tokens of some windows are on the device, as `_take_tokens` says."""
        memory = self.memory
        told = self._told[: shape.windows * TOLD].view(shape.windows, TOLD)
        windows, length = told[:, :2].long().unbind(1)
        # 1. only the prompt is seen
        seen = torch.arange(memory.mask.shape[-1], device=length.device) < length[:, None]
        mask = torch.full_like(seen, UNSEEN, dtype=memory.mask.dtype).masked_fill_(seen, 0.0)
        memory.mask.index_copy_(0, windows, mask[:, None].expand(-1, self.width, -1))
        memory.place.index_copy_(0, windows, length)
        memory.position.index_copy_(0, windows, length)
        # 2. the search begins
        logits = memory.first_logits.index_select(0, windows)
        logits += memory.first_bias.index_select(0, windows)
        state = memory.search.of(windows)
        state.start(told[:, 2:])
        advance(state, logits[:, None], self._layout, sampling)
        memory.search.put(windows, state)

    # -- memory -----------------------------------------------------------------------------

    def _occupied(self, slot: _SlotState) -> int:
        return slot.length + (slot.steps - 1) * self.width

    def _grow(self, room: int, positions: int) -> None:
        """Make room for so many places and text positions; what is there is kept."""
        self._runner.forget()
        self._side_stream.join()
        before = self.memory.room
        self.memory.grow(room, positions)
        self._side_stream.lend(self.memory.tensors())
        self._free = sorted([*self._free, *range(before, room)], reverse=True)
        self.memory.leave([at for at in range(room) if at not in self._slots])
