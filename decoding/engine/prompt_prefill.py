"""The prompt's half of the prefill: KV cache, first logits, whether anybody speaks.

Several windows at once, or one. Where the prompts' keys and values are kept is the caller's
business, and so is who gets a slot.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from decoding.engine.language_detection import language_columns
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import Audio, KVCache, NoCache


@dataclass(frozen=True, slots=True, eq=False)
class AskedColumns:
    """Columns of the logits of a transcript's start that say what is heard.

    `languages` [languages], on the device; None for a model that knows English alone.
    """

    no_speech: int
    languages: Tensor | None

    @classmethod
    def of(cls, model: LoadedModel) -> AskedColumns:
        (no_speech,) = model.decoder.columns.of([model.vocabulary.no_speech])
        is_multilingual = model.dimensions.is_multilingual
        return cls(no_speech, language_columns(model) if is_multilingual else None)


def read_prompts(
    model: LoadedModel, tokens: Tensor, ends: Tensor, audio: Audio, cache: KVCache
) -> tuple[Tensor, Tensor]:
    """Read prompts [w, n] of windows whose keys and values are `audio`.

    `ends` [w, 2]: where the transcript starts, and each prompt's last token. Returns the logits of
    the transcript's start and of its first token, [w, columns] each.
    """
    hidden = model.decoder.read(tokens, audio, cache)
    here = ends[..., None].expand(-1, -1, hidden.shape[-1])
    logits = model.decoder.logits(hidden.gather(1, here))
    return logits[:, 0], logits[:, 1]


def start_logits(model: LoadedModel, tokens: Tensor, ends: Tensor, audio: Audio) -> Tensor:
    """Logits [w, columns] of the transcripts' starts with no text before them: what a model was
    given to read tells nothing of whether somebody speaks. Arguments as `read_prompts`."""
    hidden = model.decoder.read(tokens.gather(1, ends[:, :1]), audio, NoCache())
    return model.decoder.logits(hidden)[:, 0]


def sounds_of(model: LoadedModel, logits: Tensor, asked: AskedColumns) -> Tensor:
    """How likely it is that nobody speaks beside the probability of the likeliest language, [w, 2];
    `logits` [w, columns] are those of the transcript's start."""
    probabilities = (logits + model.decoder.columns.plain_bias).softmax(-1)
    language = _likeliest_language(logits, asked.languages)
    return torch.stack([probabilities[:, asked.no_speech], language], 1)


def _likeliest_language(logits: Tensor, languages: Tensor | None) -> Tensor:
    """The probability of the likeliest of the model's languages, [w]; `logits` [w, columns] are
    those of the transcript's start. 1 for a model that knows English alone."""
    if languages is None:
        return logits.new_ones(len(logits))
    return logits.index_select(-1, languages).softmax(-1).amax(-1)
