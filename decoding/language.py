"""Which language a window is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from decoding.model import LoadedModel
from decoding.text_decoder import KeyValue, NoMemory, causal_mask


@dataclass(frozen=True, slots=True)
class HeardLanguage:
    """A language code; `probabilities` is filled when it was detected."""

    code: str
    probabilities: Mapping[str, float] = field(default_factory=dict)


def detect_language(
    model: LoadedModel, audio: Sequence[KeyValue], among: Sequence[str]
) -> HeardLanguage:
    """The likeliest language of one window, among those given (all of the model's when none).

    The probabilities are over the languages considered, and sum to one.
    """
    codes = tuple(among) or model.vocabulary.languages
    vocabulary, device = model.vocabulary, model.device
    if not model.dimensions.is_multilingual:
        return HeardLanguage("en", {"en": 1.0})
    hidden = model.decoder(
        torch.tensor([[vocabulary.sot]], device=device),
        torch.zeros(1, 1, dtype=torch.int64, device=device),
        audio,
        NoMemory(),
        causal_mask(1, model.decoder.dtype, device),
    )
    tokens = [vocabulary.language_token(code) for code in codes]
    likely = (
        model.decoder.logits(hidden)[0, 0, model.decoder.columns.column_of[tokens]]
        .softmax(-1)
        .tolist()
    )
    probabilities = dict(zip(codes, likely, strict=True))
    return HeardLanguage(max(codes, key=probabilities.__getitem__), probabilities)
