"""Slots: windows of one beam width with their KV caches, decoded together, one token per step.

A window has its place from the beginning of its prefill, which writes there beside the steps of the
others, until it leaves; who comes next takes a place that was left, and only where none comes, the
last windows move down. Text keys and values are written once and never moved: which of them a beam
may see is a mask that follows the beams. Knows nothing of clips or queues; what a step does on the
device is `token_steps`' matter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from decoding.device.cuda_graphs import Runner, in_parts, runner_for
from decoding.device.side_stream import InlineStream, SideStream
from decoding.device.transfer import PendingCopies
from decoding.engine.slot_memory import PlaceAlone, SlotMemory
from decoding.engine.token_steps import TokenSteps
from decoding.engine.token_suppression import TokenSuppression
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import SUM_POSITIONS, Audio
from decoding.search.state import Plan

LIVE_STEP = SUM_POSITIONS  # attended positions are rounded up to a multiple: few shapes
FIRST_POSITIONS = 512
WIDTHS = (1, 2, 3, 5, 8, 12, 16)


def width_for(beams: int) -> int:
    """The width of slots that holds so many beams."""
    return next(width for width in WIDTHS if width >= beams)


@dataclass(frozen=True, slots=True, eq=False)
class PrefilledWindow:
    """A window after its prefill, which waits in its place; its prompt has `length` tokens."""

    slot_group: SlotGroup
    at: int
    length: int
    suppression: TokenSuppression


@dataclass(slots=True)
class _SlotState:
    """What the host knows of a slot without asking the device."""

    length: int  # of the prompt
    suppression: TokenSuppression
    is_sampling: bool
    steps: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Which searches were over when the device was asked; the answer may be on its way."""

    slots: Mapping[int, _SlotState]  # who was in which place
    flags: PendingCopies


class SlotGroup:
    """Places for at most `capacity` windows of `width` beams, of which `room` are there at once.

    `runner` takes the steps; the device's own if None. `side_stream`: where windows are prefilled.
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
        self._tokens = TokenSteps(model, self.memory, capacity, self._runner)
        self._slots: dict[int, _SlotState] = {}  # of the windows that are decoded
        self._free: list[int] = []  # places that nobody has, the first last
        self._steps = model.dimensions.n_text_ctx + 1
        self._most_positions = -(-self._steps * width // LIVE_STEP) * LIVE_STEP
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
        for part in in_parts(windows, self._runner):
            self._begin(part)

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
        return PlaceAlone(self.memory, at)

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
        self._tokens.move(list(moves.items()))
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
        biases = [slot.suppression.bias for slot in self._slots.values()]
        self._tokens.take(self._size_of_step(self._slots), live, biases, sampling)
        for slot in self._slots.values():  # who is done may go on for a while, but not run over
            slot.steps = min(slot.steps + 1, self._steps - slot.length)

    def _size_of_step(self, slots: Collection[int]) -> int:
        """How many places, from the first, take part in a step of these."""
        return self._runner.slots(max(slots) + 1, self.memory.room)

    def look(self) -> Look:
        """Ask which searches are over by now; nobody waits for the answer."""
        flags = self.memory.search.is_done[: max(self._slots, default=-1) + 1]
        if flags.device.type == "cpu":
            flags = flags.clone()  # what comes from elsewhere is as it was when it was asked for
        return Look(dict(self._slots), PendingCopies([flags]))

    def done(self, look: Look | None = None) -> list[int]:
        """Places of windows whose search was over at the look, or is now; the last first.

        Who has left or begun anew since is not among them.
        """
        if not self._slots:
            return []
        look = look or self.look()
        flags = look.flags.here()[0].tolist()
        over = {id(slot) for at, slot in look.slots.items() if flags[at]}
        return [at for at in sorted(self._slots, reverse=True) if id(self._slots[at]) in over]

    # -- first tokens -----------------------------------------------------------------------

    def _begin(self, windows: Sequence[tuple[PrefilledWindow, Plan]]) -> None:
        told: list[float] = []
        for one, plan in windows:
            if plan.uniforms is not None:
                self.memory.search.tell_uniforms(one.at, plan.uniforms)
            self._slots[one.at] = _SlotState(one.length, one.suppression, plan.is_sampling)
            told += (one.at, one.length, *plan.numbers)
        self._tokens.take_first(
            told, [at for at, (_, plan) in enumerate(windows) if plan.is_sampling]
        )

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
