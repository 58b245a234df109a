"""What the rules need once for a window's first token, made from its options and remembered."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from decoding.device.transfer import to_device
from decoding.engine.slots import TokenSuppression
from decoding.model.loaded_model import LoadedModel
from decoding.model.vocabulary import SECONDS_PER_TIMESTAMP
from decoding.types import DecodingOptions

BIASES_KEPT = 64


class TokenSuppressions:
    """Windows that suppress the same tokens share one bias on the device."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._bias = lru_cache(maxsize=BIASES_KEPT)(self._make_bias)

    def of(self, options: DecodingOptions) -> TokenSuppression:
        vocabulary = self._model.vocabulary
        last_initial = None
        if not options.without_timestamps:
            last_initial = vocabulary.size
            if options.max_initial_timestamp:
                last_initial = round(options.max_initial_timestamp / SECONDS_PER_TIMESTAMP)
        blank = vocabulary.blank if options.suppress_blank else ()
        return TokenSuppression(
            self._model.decoder.columns.of(blank),
            last_initial,
            self._bias(vocabulary.suppressed(options)),
        )

    def _make_bias(self, suppressed: frozenset[int]) -> Tensor:
        return to_device(self._model.decoder.columns.bias(suppressed), self._model.device)
