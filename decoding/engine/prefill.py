"""From newcomers to windows that a slot can take: heard, their language known, their prompt read.

Seats nobody; whether the device does this beside other work is decoding/engine/prefill_queue.py's
business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from decoding.device.transfer import send, to_host
from decoding.engine.language_detection import HeardLanguage, language_logits, likeliest
from decoding.engine.prompt_prefill import Listened, listen
from decoding.model.loaded_model import LoadedModel
from decoding.model.mel import LogMel
from decoding.model.text_decoder import KeyValue
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


@dataclass(frozen=True, slots=True, eq=False)
class Sounds(Generic[Key]):
    """Newcomers' audio keys and values, each layer [w, ...].

    `languages`: how likely each language is [w, languages], on its way to the host; None when
    nobody's language has to be heard.
    """

    newcomers: tuple[Newcomer[Key], ...]
    audio: list[KeyValue]
    languages: Tensor | None


class Ear:
    """Hears several newcomers in one call. Neither half makes the host wait for the device."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._mel = LogMel(model.dimensions.n_mels, model.device)

    def hear(self, newcomers: Sequence[Newcomer[Key]]) -> Sounds[Key]:
        """The first half: what they sound like and, for those who do not say, in which language."""
        model = self._model
        features = model.encoder(self._mel([one.clip.samples for one in newcomers]))
        audio = model.decoder.listen(features)
        is_asked = any(one.language is None for one in newcomers)
        languages = None
        if is_asked and model.dimensions.is_multilingual:
            languages = to_host(language_logits(model, audio))
        return Sounds(tuple(newcomers), audio, languages)

    def prompt(self, sounds: Sounds[Key]) -> list[Heard[Key]]:
        """The second half, when their languages have come: all read their prompts at once."""
        vocabulary, newcomers = self._model.vocabulary, sounds.newcomers
        languages = [self._language(sounds, at) for at in range(len(newcomers))]
        rows = [at for at, one in enumerate(newcomers) if one.options.task != "lang_id"]
        prompts = [vocabulary.prompt(newcomers[at].options, languages[at].code) for at in rows]
        audio = self._rows(sounds.audio, rows, len(newcomers))
        listened = dict(zip(rows, listen(self._model, audio, prompts), strict=True))
        return [
            Heard(one, language, listened.get(at))
            for at, (one, language) in enumerate(zip(newcomers, languages, strict=True))
        ]

    def _language(self, sounds: Sounds[Key], at: int) -> HeardLanguage:
        newcomer = sounds.newcomers[at]
        if newcomer.language is not None:
            return HeardLanguage(newcomer.language)
        if sounds.languages is None:
            return HeardLanguage("en", {"en": 1.0})  # the only one that the model knows
        return likeliest(self._model, sounds.languages[at], newcomer.options.languages)

    def _rows(self, audio: list[KeyValue], rows: Sequence[int], count: int) -> list[KeyValue]:
        """The windows `rows` of `count`, not copied if that is all of them."""
        if len(rows) == count:
            return audio
        kept = send(rows, self._model.device)
        return [(key.index_select(0, kept), value.index_select(0, kept)) for key, value in audio]
