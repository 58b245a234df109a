"""From newcomers to windows that a slot can take: heard, their language known, their prompt read.

Seats nobody: what is heard waits here until the batch takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from decoding.language import HeardLanguage, language_logits, likeliest
from decoding.listening import Listened, listen
from decoding.mel import LogMel
from decoding.model import LoadedModel
from decoding.text_decoder import KeyValue
from decoding.transfer import fetch, send
from decoding.types import Clip, DecodingOptions

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, eq=False)
class Newcomer(Generic[Key]):
    """A clip that wants to be decoded; the key is the caller's."""

    key: Key
    clip: Clip
    options: DecodingOptions

    @property
    def language(self) -> str | None:
        """As the caller says; None: it is to be heard."""
        return None if self.options.task == "lang_id" else self.options.language


@dataclass(frozen=True, slots=True, eq=False)
class Heard(Generic[Key]):
    """A newcomer that was heard; `listened` is None when it wanted to know its language alone."""

    newcomer: Newcomer[Key]
    language: HeardLanguage
    listened: Listened | None


class Hearing(Generic[Key]):
    """Hears newcomers, at most `at_once` in one call."""

    def __init__(self, model: LoadedModel, at_once: int) -> None:
        self._model = model
        self._at_once = at_once
        self._mel = LogMel(model.dimensions.n_mels, model.device)

    def hear(self, newcomers: Sequence[Newcomer[Key]]) -> list[Heard[Key]]:
        parts = range(0, len(newcomers), self._at_once)
        groups = [newcomers[first : first + self._at_once] for first in parts]
        return [heard for group in groups for heard in self._hear_together(group)]

    def _hear_together(self, newcomers: Sequence[Newcomer[Key]]) -> list[Heard[Key]]:
        samples = [one.clip.samples for one in newcomers]
        audio = self._model.decoder.listen(self._model.encoder(self._mel(samples)))
        languages = self._languages(newcomers, audio)
        return self._prompted(newcomers, languages, audio)

    def _languages(
        self, newcomers: Sequence[Newcomer[Key]], audio: list[KeyValue]
    ) -> list[HeardLanguage]:
        """Given, or detected: then for all of them with one question."""
        model = self._model
        logits = torch.empty(0)
        if model.dimensions.is_multilingual and any(one.language is None for one in newcomers):
            logits = fetch([language_logits(model, audio)])[0]
        languages = []
        for at, one in enumerate(newcomers):
            if one.language is not None:
                languages.append(HeardLanguage(one.language))
            elif model.dimensions.is_multilingual:
                languages.append(likeliest(model, logits[at], one.options.languages))
            else:
                languages.append(HeardLanguage("en", {"en": 1.0}))
        return languages

    def _prompted(
        self,
        newcomers: Sequence[Newcomer[Key]],
        languages: Sequence[HeardLanguage],
        audio: list[KeyValue],
    ) -> list[Heard[Key]]:
        """Those that want more than their language read their prompts, all at once."""
        vocabulary, device = self._model.vocabulary, self._model.device
        rows = [at for at, one in enumerate(newcomers) if one.options.task != "lang_id"]
        prompts = [vocabulary.prompt(newcomers[at].options, languages[at].code) for at in rows]
        if 0 < len(rows) < len(newcomers):
            kept = send(rows, device)
            audio = [
                (key.index_select(0, kept), value.index_select(0, kept)) for key, value in audio
            ]
        listened = dict(zip(rows, listen(self._model, audio, prompts) if rows else [], strict=True))
        return [
            Heard(one, language, listened.get(at))
            for at, (one, language) in enumerate(zip(newcomers, languages, strict=True))
        ]
