"""Prefill: encoder, cross-attention keys and values, language and prompt of several windows.

Fills no slot; whether the device does this beside other work is decoding/engine/prefill_queue.py's
business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from decoding.device.transfer import send, to_host
from decoding.engine.language_detection import DetectedLanguage, language_logits, likeliest
from decoding.engine.prompt_prefill import PrefilledWindow, prefill_prompts
from decoding.model.loaded_model import LoadedModel
from decoding.model.mel import LogMel
from decoding.model.text_decoder import KeyValue
from decoding.types import Clip, DecodingOptions

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, eq=False)
class WindowRequest(Generic[Key]):
    """A clip that wants to be decoded; the key is the caller's."""

    key: Key
    clip: Clip
    options: DecodingOptions

    @property
    def language(self) -> str | None:
        """As the caller says; None: it is to be detected."""
        return None if self.options.task == "lang_id" else self.options.language


@dataclass(frozen=True, slots=True, eq=False)
class PrefillResult(Generic[Key]):
    """A request after its prefill; `prefilled` is None when it wanted to know its language
    alone."""

    request: WindowRequest[Key]
    language: DetectedLanguage
    prefilled: PrefilledWindow | None


@dataclass(frozen=True, slots=True, eq=False)
class EncodedWindows(Generic[Key]):
    """The requests' cross-attention keys and values, each layer [w, ...].

    `languages`: how likely each language is [w, languages], on its way to the host; None when
    nobody's language has to be detected.
    """

    requests: tuple[WindowRequest[Key], ...]
    audio: list[KeyValue]
    languages: Tensor | None


class Prefiller:
    """Prefills several windows in one call. Neither half makes the host wait for the device."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._mel = LogMel(model.dimensions.n_mels, model.device)

    def encode(self, requests: Sequence[WindowRequest[Key]]) -> EncodedWindows[Key]:
        """The first half: encoder, cross-attention keys and values, and the language where it is
        not given."""
        model = self._model
        features = model.encoder(self._mel([one.clip.samples for one in requests]))
        audio = model.decoder.cross_attention_kv(features)
        is_asked = any(one.language is None for one in requests)
        languages = None
        if is_asked and model.dimensions.is_multilingual:
            languages = to_host(language_logits(model, audio))
        return EncodedWindows(tuple(requests), audio, languages)

    def prompt(self, encoded: EncodedWindows[Key]) -> list[PrefillResult[Key]]:
        """The second half, when their languages have come: all read their prompts at once."""
        vocabulary, requests = self._model.vocabulary, encoded.requests
        languages = [self._language(encoded, at) for at in range(len(requests))]
        rows = [at for at, one in enumerate(requests) if one.options.task != "lang_id"]
        prompts = [vocabulary.prompt(requests[at].options, languages[at].code) for at in rows]
        audio = self._rows(encoded.audio, rows, len(requests))
        prefilled = dict(zip(rows, prefill_prompts(self._model, audio, prompts), strict=True))
        return [
            PrefillResult(one, language, prefilled.get(at))
            for at, (one, language) in enumerate(zip(requests, languages, strict=True))
        ]

    def _language(self, encoded: EncodedWindows[Key], at: int) -> DetectedLanguage:
        request = encoded.requests[at]
        if request.language is not None:
            return DetectedLanguage(request.language)
        if encoded.languages is None:
            return DetectedLanguage("en", {"en": 1.0})  # the only one that the model knows
        return likeliest(self._model, encoded.languages[at], request.options.languages)

    def _rows(self, audio: list[KeyValue], rows: Sequence[int], count: int) -> list[KeyValue]:
        """The windows `rows` of `count`, not copied if that is all of them."""
        if len(rows) == count:
            return audio
        kept = send(rows, self._model.device)
        return [(key.index_select(0, kept), value.index_select(0, kept)) for key, value in audio]
