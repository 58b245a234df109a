"""Prefill: encoder, cross-attention keys and values, language and prompt of several windows.

Fills no slot; whether the device does this beside other work is decoding/engine/prefill_queue.py's
business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from decoding.device.transfer import send, to_host
from decoding.engine.language_detection import DetectedLanguage, language_logits, likeliest
from decoding.engine.prompt_prefill import prefill_prompts
from decoding.engine.window_request import WindowRequest
from decoding.model.loaded_model import LoadedModel
from decoding.model.mel import LogMel
from decoding.model.text_decoder import KeyValue


@dataclass(frozen=True, slots=True, eq=False)
class EncodedWindows:
    """The requests' cross-attention keys and values, each layer [w, ...].

    `languages`: how likely each language is [w, languages], on its way to the host; None when
    nobody's language has to be detected.
    """

    requests: tuple[WindowRequest, ...]
    audio: list[KeyValue]
    languages: Tensor | None


class Prefiller:
    """Prefills several windows in one call. Neither half makes the host wait for the device."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._mel = LogMel(model.dimensions.n_mels, model.device)

    def encode(self, requests: Sequence[WindowRequest]) -> EncodedWindows:
        """The first half: encoder, cross-attention keys and values, and the language where it is
        not given."""
        model = self._model
        features = model.encoder(self._mel([one.clip.samples for one in requests]))
        audio = model.decoder.cross_attention_kv(features)
        is_asked = any(one.given_language is None for one in requests)
        languages = None
        if is_asked and model.dimensions.is_multilingual:
            languages = to_host(language_logits(model, audio))
        return EncodedWindows(tuple(requests), audio, languages)

    def prompt(self, encoded: EncodedWindows) -> None:
        """The second half, when their languages have come: all read their prompts at once.

        Tells each request its language, and what a slot will need if it wants one.
        """
        requests, rows, prompts = encoded.requests, [], []
        for at, one in enumerate(requests):
            one.language = self._language(encoded, at)
            if one.options.task != "lang_id":
                rows.append(at)
                prompts.append(self._model.vocabulary.prompt(one.options, one.language.code))
        audio = self._rows(encoded.audio, rows, len(requests))
        for at, prefilled in zip(rows, prefill_prompts(self._model, audio, prompts), strict=True):
            requests[at].prefilled = prefilled
            requests[at].num_prompt_tokens = len(prefilled.prompt.tokens)

    def _language(self, encoded: EncodedWindows, at: int) -> DetectedLanguage:
        request = encoded.requests[at]
        if request.given_language is not None:
            return DetectedLanguage(request.given_language)
        if encoded.languages is None:
            return DetectedLanguage("en", {"en": 1.0})  # the only one that the model knows
        return likeliest(self._model, encoded.languages[at], request.options.languages)

    def _rows(self, audio: list[KeyValue], rows: Sequence[int], count: int) -> list[KeyValue]:
        """The windows `rows` of `count`, not copied if that is all of them."""
        if len(rows) == count:
            return audio
        kept = send(rows, self._model.device)
        return [(key.index_select(0, kept), value.index_select(0, kept)) for key, value in audio]
