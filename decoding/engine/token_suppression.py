"""What the rules need once for a window's first token, made from its options and remembered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

from decoding.device.transfer import to_device
from decoding.model.loaded_model import LoadedModel
from decoding.model.logit_columns import TokenLayout
from decoding.model.vocabulary import SECONDS_PER_TIMESTAMP
from decoding.search.logit_rules import forbid_at_start
from decoding.types import DecodingOptions

BIASES_KEPT = 64


@dataclass(frozen=True, slots=True, eq=False)
class TokenSuppression:
    """Added to a window's logits: the tokens never allowed, and for the first one more of them.

    Both [columns], shared between windows whose rules are the same.
    """

    bias: Tensor
    first_bias: Tensor

    @classmethod
    def of(
        cls, bias: Tensor, layout: TokenLayout, blank: tuple[int, ...], last_initial: int | None
    ) -> TokenSuppression:
        """`bias` [columns]; for the rest see `forbid_at_start`."""
        first = bias.clone()
        forbid_at_start(first, layout, blank, last_initial)
        return cls(bias, first)


class TokenSuppressions:
    """Windows that suppress the same tokens share one bias on the device."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._bias = lru_cache(maxsize=BIASES_KEPT)(self._make_bias)
        self._suppression = lru_cache(maxsize=BIASES_KEPT)(self._make)

    def of(self, options: DecodingOptions) -> TokenSuppression:
        vocabulary = self._model.vocabulary
        last_initial = None
        if not options.without_timestamps:
            last_initial = vocabulary.size
            if options.max_initial_timestamp:
                last_initial = round(options.max_initial_timestamp / SECONDS_PER_TIMESTAMP)
        blank = vocabulary.blank if options.suppress_blank else ()
        columns = self._model.decoder.columns.of(blank)
        return self._suppression(vocabulary.suppressed(options), columns, last_initial)

    def _make(
        self, suppressed: frozenset[int], blank: tuple[int, ...], last_initial: int | None
    ) -> TokenSuppression:
        layout = self._model.decoder.columns.layout
        return TokenSuppression.of(self._bias(suppressed), layout, blank, last_initial)

    def _make_bias(self, suppressed: frozenset[int]) -> Tensor:
        return to_device(self._model.decoder.columns.bias(suppressed), self._model.device)
