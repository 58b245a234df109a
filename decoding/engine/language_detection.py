"""Which language a window is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from decoding.device.transfer import send
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import Audio, NoCache
from decoding.types import Decoded


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    """A language code; `probabilities` is filled when it was detected."""

    code: str
    probabilities: Mapping[str, float] = field(default_factory=dict)


def language_logits(model: LoadedModel, start: Tensor, audio: Audio, columns: Tensor) -> Tensor:
    """How likely each of the model's languages is, [w, languages], on the device.

    `start` [w, 1] is the token that starts a transcript, `audio` keys and values of the windows,
    `columns` [languages] as `language_columns` gives them.
    """
    hidden = model.decoder.read(start, audio, NoCache())
    return model.decoder.logits(hidden)[:, 0].index_select(-1, columns)


def language_columns(model: LoadedModel) -> Tensor:
    """Which columns of the logits are the model's languages, on the device."""
    tokens = [model.vocabulary.language_token(code) for code in model.vocabulary.languages]
    return send(model.decoder.columns.of(tokens), model.device)


def likeliest(model: LoadedModel, logits: Tensor, among: Sequence[str]) -> DetectedLanguage:
    """The language of one window, among those given (all of the model's when none).

    `logits` [languages] lie on the host. The probabilities are over the languages considered, and
    sum to one.
    """
    languages = model.vocabulary.languages
    codes = tuple(among) or languages
    chosen = logits[[languages.index(code) for code in codes]]
    probabilities = dict(zip(codes, chosen.softmax(-1).tolist(), strict=True))
    return DetectedLanguage(max(codes, key=probabilities.__getitem__), probabilities)


def only_language(language: DetectedLanguage) -> Decoded:
    """The answer to the task `lang_id`."""
    return Decoded.without_text(
        language=language.code, language_probabilities=language.probabilities
    )
