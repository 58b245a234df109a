"""What a step of tokens, and the first tokens of windows, are on the device.

It depends on its shape and on tensors that stay where they are, so that it can be recorded and
replayed. Knows places; who is there, and when a step is due, it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from decoding.device.cuda_graphs import Runner, StepShape, in_parts
from decoding.device.transfer import send_into
from decoding.engine.slot_memory import UNSEEN, SlotMemory
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import KeyValue
from decoding.search.beam_search import advance

SAMPLING = (1, 4, 16, 64)  # windows that sample, in shapes that are recorded
TOLD = 2 + 9  # numbers of a beginning: the place, the prompt's length, and the plan's


@dataclass(frozen=True, slots=True)
class FirstShape:
    """Of the first tokens of so many windows, in so many of which they are drawn."""

    windows: int
    sampling: int


@dataclass(frozen=True, slots=True)
class MoveShape:
    """Of so many windows that take other places."""

    windows: int


class _SlotCache:
    """Writes each new token's keys and values to its place and shows all live places."""

    def __init__(self, text: Tensor, place: Tensor, live: int) -> None:
        self._text = text
        self._window = torch.arange(len(place), device=place.device)[:, None]
        self._place = place  # [w, b]
        self._live = live

    def extend(self, layer: int, new: Tensor) -> KeyValue:
        cache = self._text[layer]  # [2, room, heads, positions, width]
        cache.permute(1, 3, 0, 2, 4)[self._window, self._place] = new.permute(1, 3, 0, 2, 4)
        key, value = cache[:, : len(self._place), :, : self._live]
        return key, value


class TokenSteps:
    """Takes tokens in the places of `memory`, of at most `capacity` windows."""

    def __init__(
        self, model: LoadedModel, memory: SlotMemory, capacity: int, runner: Runner
    ) -> None:
        self._decoder = model.decoder
        self._memory = memory
        self._runner = runner
        self._layout = model.decoder.columns.layout
        self._last_position = model.dimensions.n_text_ctx - 1
        told = capacity * (TOLD + 1)  # and who samples, behind all others
        self._told = torch.zeros(told, dtype=torch.float64, device=model.device)
        self._sampling = torch.zeros(capacity, dtype=torch.int64, device=model.device)
        self._known_sampling: Sequence[int] = ()  # what stands there
        self._one_bias = torch.zeros_like(model.decoder.columns.plain_bias)[None, None]
        self._shown_bias: Tensor | None = None  # what `_one_bias` was made of

    def take(
        self, slots: int, live: int, biases: Sequence[Tensor], sampling: Sequence[int]
    ) -> None:
        """A token in each of the first `slots` places, which sees `live` text positions.

        `biases`: of the windows that are there, each [columns]. `sampling`: their places.
        """
        some = self._rounded(sampling, slots)
        if some and some != self._known_sampling:
            send_into(self._sampling, some)
            self._known_sampling = some
        shape = StepShape(slots, live, self._shows_one(biases), len(some))
        self._runner.run(shape, self._take_tokens)

    def take_first(self, told: Sequence[float], sampling: Sequence[int]) -> None:
        """The first tokens of windows, `TOLD` numbers of each; `sampling`: which of these do."""
        windows = len(told) // TOLD
        some = self._rounded(sampling, windows)
        send_into(self._told, [*told, *some])
        self._runner.run(FirstShape(windows, len(some)), self._take_first)

    def _rounded(self, sampling: Sequence[int], most: int) -> Sequence[int]:
        """Some stand there twice, so that there are few shapes: they draw the same twice."""
        if not sampling or not self._runner.replays:
            return tuple(sampling)
        count = next((some for some in SAMPLING if some >= len(sampling)), most)
        count = min(count, most)
        return (*sampling, *[sampling[0]] * (count - len(sampling)))

    def move(self, moves: Sequence[tuple[int, int]]) -> None:
        """Windows take other places, in which nobody is; each from where to where."""
        for part in in_parts(moves, self._runner):
            send_into(self._told, [place for move in part for place in move])
            self._runner.run(MoveShape(len(part)), self._move)

    def _move(self, shape: MoveShape) -> None:
        old, new = self._told[: 2 * shape.windows].view(shape.windows, 2).long().unbind(1)
        self._memory.move(old, new)

    def _shows_one(self, biases: Sequence[Tensor]) -> bool:
        """Whether all windows have the same bias, which is then where a step looks for it."""
        bias = biases[0]
        if any(other is not bias for other in biases):
            return False
        if self._shown_bias is not bias:
            self._one_bias.copy_(bias)
            self._shown_bias = bias
        return True

    def _take_tokens(self, shape: StepShape) -> None:
        """What a step does on the device.

        It asks the device nothing, takes nothing from the host and leaves its results in tensors
        that stay: it may be replayed as long as they are not replaced.
        """
        slots, live, memory = shape.slots, shape.live, self._memory
        state = memory.search.rows(0, slots)
        # 1. this token's keys and values go after the prompt, one row of beams per step
        place = memory.place[:slots, None] + torch.arange(memory.width, device=memory.place.device)
        memory.mask[:slots].scatter_(2, place[..., None], 0.0)
        mask = memory.mask[:slots, :, :live]
        # 2. the model
        position = memory.position[:slots].clamp(max=self._last_position)
        hidden = self._decoder(
            self._decoder.columns.token_of[state.last],
            position[:, None].expand(slots, memory.width),
            memory.audio_of_first(slots),
            _SlotCache(memory.text, place, live),
            mask[:, None],
        )
        bias = self._one_bias if shape.has_one_bias else memory.bias[:slots, None]
        logits = self._decoder.logits(hidden).add_(bias)
        # 3. the search; a beam sees what the beam that it continues saw
        sampling = self._sampling[: shape.sampling] if shape.sampling else None
        source = advance(state, logits, self._layout, sampling)
        mask.copy_(mask.gather(1, source[..., None].expand(-1, -1, live)))
        # 4. whoever is done stays where it is
        is_going = ~state.is_done
        memory.place[:slots].add_(is_going, alpha=memory.width)
        memory.position[:slots].add_(is_going)

    def _take_first(self, shape: FirstShape) -> None:
        """What the first tokens of some windows are on the device, as `_take_tokens` says."""
        memory = self._memory
        end = shape.windows * TOLD
        told = self._told[:end].view(shape.windows, TOLD)
        sampling = self._told[end : end + shape.sampling].long() if shape.sampling else None
        windows, length = told[:, :2].long().unbind(1)
        # 1. only the prompt is seen
        seen = torch.arange(memory.mask.shape[-1], device=length.device) < length[:, None]
        mask = torch.full_like(seen, UNSEEN, dtype=memory.mask.dtype).masked_fill_(seen, 0.0)
        memory.mask.index_copy_(0, windows, mask[:, None].expand(-1, memory.width, -1))
        memory.place.index_copy_(0, windows, length)
        memory.position.index_copy_(0, windows, length)
        # 2. the search begins
        logits = memory.first_logits.index_select(0, windows)
        logits += memory.first_bias.index_select(0, windows)
        state = memory.search.of(windows)
        state.start(told[:, 2:])
        advance(state, logits[:, None], self._layout, sampling)
        memory.search.put(windows, state)
