"""Prefill: encoder, cross-attention keys and values, language and prompt of several windows.

What is computed goes straight to the windows' places. Whether the device does this beside other
work is decoding/engine/prefill_queue.py's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from decoding.device.cuda_graphs import Runner, runner_for
from decoding.device.side_stream import FIRST
from decoding.device.transfer import send, send_into, to_host
from decoding.engine.language_detection import (
    DetectedLanguage,
    language_logits,
    likeliest,
)
from decoding.engine.prompt_prefill import AskedColumns, read_prompts, sounds_of, start_logits
from decoding.engine.slot_memory import SlotMemory, UsedMemories
from decoding.engine.slots import PrefilledWindow, SlotGroup
from decoding.engine.token_suppression import TokenSuppression, TokenSuppressions
from decoding.engine.window_request import Phase, WindowRequest
from decoding.model.loaded_model import LoadedModel
from decoding.model.mel import LogMel
from decoding.model.text_decoder import Audio, KeyValue, padded

TOLD = 3  # numbers of a window before its tokens: the place, the transcript's start, the last token


@dataclass(frozen=True, slots=True, eq=False)
class EncodedWindows:
    """Requests whose prefill is under way, their places, and their group of slots.

    `languages`: how likely each language is [w, languages], on its way to the host; None when
    nobody's language has to be detected.
    """

    requests: tuple[WindowRequest, ...]
    slot_group: SlotGroup
    places: tuple[int, ...]
    languages: Tensor | None


What = Literal["sound and language", "sound and prompt", "prompt"]


@dataclass(frozen=True, slots=True)
class PrefillShape:
    """What the operations of a prefill depend on.

    `what`: is done with the sound; its prompts are read in the same call, or later, when languages
    are known. `length` in tokens of the texts, of which some are shorter if it `is_padded`, and
    some have text before the transcript's start if it `has_text_before`.
    """

    width: int
    what: What
    windows: int
    length: int
    is_padded: bool
    has_text_before: bool


class Prefiller:
    """Prefills several windows in one call. Neither half makes the host wait for the device."""

    def __init__(self, model: LoadedModel, at_once: int, runner: Runner | None = None) -> None:
        dims, device = model.dimensions, model.device
        graphs = model.cuda_graphs
        self.runner = runner or runner_for(device, cuda_graphs=graphs, priority=FIRST)
        self._model = model
        self._mel = LogMel(dims.n_mels, device)
        self._suppressions = TokenSuppressions(model)
        self._memories = UsedMemories(self.runner)
        self._most_tokens = dims.n_text_ctx
        self._sound = torch.zeros(at_once, dims.n_mels, 2 * dims.n_audio_ctx, device=device)
        told = at_once * (TOLD + self._most_tokens)
        self._told = torch.zeros(told, dtype=torch.int64, device=device)
        self._asked = AskedColumns.of(model)
        languages = 0 if self._asked.languages is None else len(self._asked.languages)
        self._languages = torch.zeros(at_once, languages, device=device)

    def encode(
        self, requests: Sequence[WindowRequest], slot_group: SlotGroup, places: Sequence[int]
    ) -> EncodedWindows:
        """The first half: what can be done before the language is known where it is not given."""
        sound = self._mel([one.clip.samples for one in requests])
        self._sound[: len(requests)].copy_(sound)
        self._suppress(requests, slot_group.memory, places)
        languages = None
        if self._asked.languages is not None and any(
            one.given_language is None for one in requests
        ):
            start = [(self._model.vocabulary.sot,)] * len(requests)
            told = [(at, 0, 0) for at in places]
            self._run("sound and language", slot_group, told, start)
            languages = to_host(self._languages[: len(requests)].clone())
        return EncodedWindows(tuple(requests), slot_group, tuple(places), languages)

    def prompt(self, encoded: EncodedWindows) -> None:
        """The second half, when their languages have come: all read their prompts at once.

        Tells each request its language, and what a slot will need if it wants one.
        """
        rows, told, texts = [], [], []
        for at, (one, place) in enumerate(zip(encoded.requests, encoded.places, strict=True)):
            one.language = self._language(encoded, at)
            if one.options.task == "lang_id" or one.phase is Phase.DROPPED:
                continue  # the place of who was dropped may be another's
            prompt = self._model.vocabulary.prompt(one.read_before, one.language.code)
            length = one.num_prompt_tokens = len(prompt.tokens)
            suppression = self._suppressions.of(one.options)
            one.prefilled = PrefilledWindow(encoded.slot_group, place, length, suppression)
            rows.append(at)
            told.append((place, prompt.sot_index, length - 1))
            texts.append(prompt.tokens)
        if not rows:
            return
        if encoded.languages is None:
            self._keep_sound(rows, len(encoded.requests))
        what: What = "sound and prompt" if encoded.languages is None else "prompt"
        self._run(what, encoded.slot_group, told, texts)

    def _language(self, encoded: EncodedWindows, at: int) -> DetectedLanguage:
        request = encoded.requests[at]
        if request.given_language is not None:
            return DetectedLanguage(request.given_language)
        if encoded.languages is None:
            return DetectedLanguage("en", {"en": 1.0})  # the only one that the model knows
        return likeliest(self._model, encoded.languages[at], request.options.languages)

    def _suppress(
        self, requests: Sequence[WindowRequest], memory: SlotMemory, places: Sequence[int]
    ) -> None:
        """Put what may not be said where the windows are."""
        alike: dict[TokenSuppression, list[int]] = {}
        for one, at in zip(requests, places, strict=True):
            alike.setdefault(self._suppressions.of(one.options), []).append(at)
        for suppression, some in alike.items():
            memory.suppress(some, suppression.bias, suppression.first_bias)

    def _keep_sound(self, rows: Sequence[int], count: int) -> None:
        """Of `count` windows in the order of their sound only `rows` go on."""
        if len(rows) < count:
            kept = self._sound.index_select(0, send(rows, self._model.device))
            self._sound[: len(rows)].copy_(kept)

    def _run(
        self,
        what: What,
        slot_group: SlotGroup,
        told: Sequence[tuple[int, int, int]],
        texts: Sequence[Sequence[int]],
    ) -> None:
        """`told` of each window: its place, where its transcript starts, its last token."""
        length = self.runner.length(max(map(len, texts)), self._most_tokens)
        numbers = zip(told, padded(texts, length), strict=True)
        send_into(self._told, [number for row in numbers for part in row for number in part])
        is_padded = what != "sound and language" and any(len(one) < length for one in texts)
        self._memories.use(slot_group.memory)
        has_text_before = any(start > 0 for _, start, _ in told)
        shape = PrefillShape(slot_group.width, what, len(texts), length, is_padded, has_text_before)
        self.runner.run(shape, self._prefill)

    def _prefill(self, shape: PrefillShape) -> None:
        """What is done on the device: it takes nothing from the host, and leaves all it finds in
        tensors that stay. It may be replayed as long as they are not replaced."""
        memory, asked = self._memories[shape.width], self._asked
        told = self._told[: shape.windows * (TOLD + shape.length)].view(shape.windows, -1)
        places, ends, tokens = told[:, 0], told[:, 1:TOLD], told[:, TOLD:]
        audio: Audio = memory.audio_of(places)
        if shape.what != "prompt":
            features = self._model.encoder(self._sound[: shape.windows])
            audio = _HeardAudio(self._model, features, memory, places)
        if shape.what == "sound and language":
            assert asked.languages is not None, "only models of several languages are asked"
            found = language_logits(self._model, tokens, audio, asked.languages)
            self._languages[: shape.windows].copy_(found)
            return
        cache = _PromptCache(memory, places, ends[:, 1] + 1 if shape.is_padded else None)
        start, first = read_prompts(self._model, tokens, ends, audio, cache)
        if shape.has_text_before:
            start = start_logits(self._model, tokens, ends, memory.audio_of(places))
        memory.first_logits.index_copy_(0, places, first)
        memory.sounds.index_copy_(0, places, sounds_of(self._model, start, asked))


class _HeardAudio:
    """Keys and values of the sound, computed when their layer is read, and kept in the places."""

    def __init__(
        self, model: LoadedModel, features: Tensor, memory: SlotMemory, places: Tensor
    ) -> None:
        self._model = model
        self._features = features
        self._memory = memory
        self._places = places

    def __getitem__(self, layer: int) -> KeyValue:
        made = self._model.decoder.cross_attention_kv(layer, self._features)
        self._memory.keep_audio(layer, self._places, made)
        return made


class _PromptCache:
    """Keeps the prompts' keys and values in the windows' places, nothing behind their ends."""

    def __init__(self, memory: SlotMemory, places: Tensor, lengths: Tensor | None) -> None:
        self._memory = memory
        self._places = places
        self._lengths = lengths  # [w]; None: all are as long as the texts

    def extend(self, layer: int, new: Tensor) -> KeyValue:
        key, value = new
        count = new.shape[3]
        if self._lengths is not None:
            at = torch.arange(count, device=new.device)[:, None]
            new = new.masked_fill(at >= self._lengths[:, None, None, None], 0.0)
        self._memory.text[layer][..., :count, :].index_copy_(1, self._places, new)
        return key, value
