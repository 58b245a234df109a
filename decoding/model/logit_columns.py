"""Which columns the logits have: one for each token that may be chosen, and some for the rest.

A small model lets all tokens that it never saw share one embedding row, so their logits are equal.
They count in every normaliser, together, but none of them is ever chosen over the others: they are
one column at the end, their mass. An ordinary model has a column for every token and no mass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from decoding.model.dimensions import Dimensions


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """Where the parts of the vocabulary begin, and where it ends.

    Logits may have columns beyond `end`: text that counts in sums but cannot be chosen.
    """

    eot: int
    timestamp_begin: int
    end: int


class LogitColumns:
    """Columns in the order of their tokens: text, end-of-text and other signs, timestamps, mass.

    `token_index` [n_vocab] names each token's embedding row; None: every token has its own.
    """

    def __init__(self, dimensions: Dimensions, token_index: Tensor | None) -> None:
        size, eot = dimensions.n_vocab, dimensions.end_of_text
        rows = torch.arange(size) if token_index is None else token_index.long().cpu()
        owners = torch.bincount(rows[:eot], minlength=int(rows.max()) + 1)
        is_shared = owners[rows] > 1
        is_shared[eot:] = False
        self.token_of = (~is_shared).nonzero().flatten()
        mass_rows = torch.tensor(
            sorted(set(rows[:eot][is_shared[:eot]].tolist())), dtype=torch.int64
        )
        self.rows = torch.cat([rows[self.token_of], mass_rows])
        self.column_of = torch.empty(size, dtype=torch.int64)
        self.column_of[self.token_of] = torch.arange(len(self.token_of))
        for at, row in enumerate(mass_rows.tolist()):
            self.column_of[(rows == row) & is_shared] = len(self.token_of) + at
        text = int((~is_shared[:eot]).sum())
        signs = dimensions.timestamp_begin - eot
        self.layout = TokenLayout(text, text + signs, len(self.token_of))
        self._host_token_of, self._host_column_of = self.token_of, self.column_of
        self._members = torch.bincount(self.column_of, minlength=len(self.rows))
        self.plain_bias = self.bias()  # nothing suppressed

    def to(self, device: torch.device) -> LogitColumns:
        """Move the tables that are used with every step."""
        self.token_of = self.token_of.to(device)
        self.column_of = self.column_of.to(device)
        self.plain_bias = self.plain_bias.to(device)
        return self

    def bias(self, suppressed: Iterable[int] = ()) -> Tensor:
        """[columns] to add to logits: the log of how many tokens a column stands for.

        Minus infinity where every token is suppressed.
        """
        left = self._members.clone()
        taken = self._host_column_of[sorted(suppressed)]
        left -= torch.bincount(taken, minlength=len(left))
        return left.float().log()

    def tokens(self, columns: Iterable[int]) -> tuple[int, ...]:
        """The tokens of chosen columns, without asking the device."""
        return tuple(self._host_token_of[list(columns)].tolist())

    def of(self, tokens: Iterable[int]) -> tuple[int, ...]:
        """The columns of tokens, without asking the device."""
        return tuple(self._host_column_of[list(tokens)].tolist())
