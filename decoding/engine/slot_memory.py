"""What windows of one beam width keep on the device, place by place, one tensor for all layers.

A place holds a window's audio keys and values (once for all its beams), its text keys and values,
what its prompt gave, and its search. Who is in which place, and what is computed there, is decided
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from decoding.device.cuda_graphs import Runner
from decoding.device.transfer import send
from decoding.engine.memory import lasting
from decoding.kernels import eight_bit_attention
from decoding.kernels.eight_bits import EightBitKeyValue, EightBits, to_eight_bits
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import AudioKeyValue, KeyValue
from decoding.search.state import SearchState

UNSEEN = float("-inf")
PLACES = {
    "audio": 2,
    "audio_scale": 2,
    "text": 2,
}  # the dimension of the places; the first of all others


class SlotMemory:
    """`room` places for windows of `width` beams, of `positions` text positions each.

    Behind these each place has `width` more, for the tokens of a step in which nobody is there.
    """

    def __init__(self, model: LoadedModel, width: int) -> None:
        self.width = width
        self.room = self.positions = 0
        self.times_grown = 0  # whoever recorded what is done with its tensors must do so again
        self._model = model
        self._steps = model.dimensions.n_text_ctx + 1
        dims, decoder = model.dimensions, model.decoder
        nothing = torch.empty(0, device=model.device)
        whole = nothing.long()
        sound = torch.int8 if model.has_eight_bit_audio else decoder.audio_dtype
        self.audio = nothing.to(sound)  # [layers, 2, room, heads, 1500, width]
        self.audio_scale = nothing  # [layers, 2, room, heads, width] of 8 bits; else 0 heads
        self.text = nothing.to(decoder.dtype)  # [layers, 2, room, heads, positions, width]
        self.mask = self.text  # [room, beams, positions] added to scores: what a beam may see
        self.bias = nothing  # [room, columns] added to logits
        self.first_bias = nothing  # [room, columns] to those of the first token
        self.first_logits = nothing  # [room, columns]
        self.sounds = nothing  # [room, 2] that nobody speaks, and the likeliest language
        self.place = whole  # [room] where the next keys and values go
        self.position = whole  # [room] of the newest token
        self.search = SearchState.allocate(0, width, self._steps, model.device)
        self._pairs = eight_bit_attention.pairs_of(model.device, dims.n_audio_ctx, dims.head_width)
        self._layers = (dims.n_text_layer, 2)
        self._heads, self._head_width = dims.n_text_head, dims.head_width

    def tensors(self) -> Iterator[Tensor]:
        """All that a prefill writes into."""
        yield from (self.audio, self.audio_scale, self.text, self.bias, self.first_bias)
        yield from (self.first_logits, self.sounds)

    def grow(self, room: int, positions: int) -> None:
        """Make room for so many places and text positions; what is there is kept."""
        dims, old = self._model.dimensions, self.positions
        columns = len(self._model.decoder.columns.plain_bias)
        size, behind = (self._heads, dims.n_audio_ctx, self._head_width), positions + self.width
        text_size = (self._heads, behind, self._head_width)
        self.audio = _larger(self.audio, (*self._layers, room, *size))
        scales = self._heads if self._model.has_eight_bit_audio else 0
        self.audio_scale = _larger(
            self.audio_scale, (*self._layers, room, scales, self._head_width)
        )
        if self.room:  # not what steps wrote where nobody was
            self.text, self.mask = self.text[..., :old, :], self.mask[..., :old]
        self.text = _larger(self.text, (*self._layers, room, *text_size))
        self.mask = _larger(self.mask, (room, self.width, behind), UNSEEN)
        self.mask[..., 0] = 0.0  # who is nowhere yet sees something, too
        for name in ("bias", "first_bias", "first_logits"):
            setattr(self, name, _larger(getattr(self, name), (room, columns)))
        self.sounds = _larger(self.sounds, (room, 2))
        self.place, self.position = (_larger(kept, (room,)) for kept in (self.place, self.position))
        if room != self.room:
            search = SearchState.allocate(room, self.width, self._steps, self._model.device)
            search.rows(0, self.room).copy_from(self.search)
            self.search = search
        self.room, self.positions = room, positions
        self.times_grown += 1

    # -- what a window keeps ------------------------------------------------------------------

    def audio_of(self, places: Tensor) -> PlacedAudio:
        """Audio keys and values of the windows in `places` [w]."""
        return PlacedAudio(self, places)

    def audio_of_first(self, slots: int) -> list[AudioKeyValue]:
        """Of the windows in the first places, layer by layer, where they lie."""
        layers = zip(self.audio[:, :, :slots], self.audio_scale[:, :, :slots], strict=True)
        return [self.key_value(numbers, scales) for numbers, scales in layers]

    def key_value(self, numbers: Tensor, scales: Tensor) -> AudioKeyValue:
        """Of a layer's [2, w, heads, 1500, width] and [2, w, heads, width], as they are kept."""
        key, value = numbers
        if numbers.dtype != torch.int8:
            return key, value
        kept = zip((key, value), scales, self._pairs, strict=True)
        return EightBitKeyValue(*(EightBits(*one) for one in kept))

    def keep_audio(self, layer: int, places: Tensor, made: KeyValue) -> None:
        """Put a layer's keys and values of the windows in `places` [w] there."""
        kept = zip(self.audio[layer], self.audio_scale[layer], made, self._pairs, strict=True)
        for numbers, scales, new, pairs in kept:
            if self._model.has_eight_bit_audio:
                few = to_eight_bits(new, pairs)
                scales.index_copy_(0, places, few.scale)
                numbers.index_copy_(0, places, few.numbers)
            else:
                numbers.index_copy_(0, places, new)

    def suppress(self, places: Sequence[int], bias: Tensor, first_bias: Tensor) -> None:
        """What is added to the logits of the windows in these places, each [columns]."""
        rows = send(places, self.place.device)
        for kept, new in ((self.bias, bias), (self.first_bias, first_bias)):
            kept.index_copy_(0, rows, new.expand(len(places), -1))

    def wipe(self, at: int, start: int, stop: int) -> None:
        """Wipe text positions of a place.

        What is no number there, as when half precision overflows, would spoil the sums of whoever
        comes next, though it may not be seen.
        """
        self.text[:, :, at, :, start:stop].zero_()

    def leave(self, places: Sequence[int]) -> None:
        """Nobody is there any more: what a step does there is done behind the text."""
        left = send(places, self.place.device)
        self.search.is_done.index_fill_(0, left, True)
        self.place.index_fill_(0, left, self.positions)
        self.position.index_fill_(0, left, 0)

    def move(self, old: Tensor, new: Tensor) -> None:
        """The windows in the places `old` [w] take the places `new` [w], in which nobody is."""
        for name in (
            "audio",
            "audio_scale",
            "text",
            "mask",
            "bias",
            "first_bias",
            "first_logits",
            "sounds",
        ):
            dim, kept = PLACES.get(name, 0), getattr(self, name)
            kept.index_copy_(dim, new, kept.index_select(dim, old))
        for kept in (self.place, self.position):
            kept.index_copy_(0, new, kept.index_select(0, old))
        self.search.put(new, self.search.of(old))

    def copy_prefilled(self, at: int, other: SlotMemory, other_at: int, length: int) -> None:
        """What the prefill of a window left in a place of another width; of its text the prompt,
        which has `length` tokens."""
        self.audio[:, :, at].copy_(other.audio[:, :, other_at])
        self.audio_scale[:, :, at].copy_(other.audio_scale[:, :, other_at])
        prompt = (..., slice(length), slice(None))
        self.text[:, :, at][prompt].copy_(other.text[:, :, other_at][prompt])
        for name in ("bias", "first_bias", "first_logits", "sounds"):
            getattr(self, name)[at].copy_(getattr(other, name)[other_at])


class PlacedAudio:
    """Keys and values of some places, taken together when their layer is read."""

    def __init__(self, memory: SlotMemory, places: Tensor) -> None:
        self._memory = memory
        self._kept = memory.audio, memory.audio_scale
        self._places = places

    def __getitem__(self, layer: int) -> AudioKeyValue:
        kept = (one[layer].index_select(1, self._places) for one in self._kept)
        return self._memory.key_value(*kept)


class PlaceAlone:
    """Keys and values of one place, not copied."""

    def __init__(self, memory: SlotMemory, at: int) -> None:
        self._memory = memory
        self._kept = [one[:, :, at : at + 1] for one in (memory.audio, memory.audio_scale)]

    def __getitem__(self, layer: int) -> AudioKeyValue:
        return self._memory.key_value(*(one[layer] for one in self._kept))


class UsedMemories:
    """The memories that a runner's bodies find by their width.

    What was recorded with tensors that are no more is forgotten.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._memories: dict[int, SlotMemory] = {}
        self._times_grown: dict[int, int] = {}

    def use(self, memory: SlotMemory) -> None:
        """The next body will find it."""
        if self._times_grown.get(memory.width) != memory.times_grown:
            self._runner.forget()
        self._memories[memory.width] = memory
        self._times_grown[memory.width] = memory.times_grown

    def __getitem__(self, width: int) -> SlotMemory:
        return self._memories[width]


def _larger(old: Tensor, shape: tuple[int, ...], default: float = 0.0) -> Tensor:
    """A tensor with the old one in its first corner; the old one itself if it has the shape."""
    if old.shape == shape:
        return old
    new = lasting(old, shape, default)
    if len(old):
        new[tuple(slice(size) for size in old.shape)] = old
    return new
