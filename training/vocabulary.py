"""The small vocabulary inside Whisper's large one: training sees only tokens that can occur.

A softmax over 51,864 tokens would be most of the work of a model this small. We train the active
tokens and one "junk" row that stands for all others: its logit counts `junk_count` times. On
export the junk row is written to every inactive place, which gives the same probabilities.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import product
from string import ascii_lowercase

import torch
from torch import Tensor
from whisper.tokenizer import Tokenizer, get_tokenizer

from training.lexicon import LEXICON

WHISPER_VOCABULARY = 51_864  # the English one
TIMESTAMPS = 1_501
SECONDS_PER_TIMESTAMP = 0.02
MARKS = ("", ",", ".", "?")
LARGEST_NUMBER = 1_000


@cache
def tokenizer() -> Tokenizer:
    """Whisper's English tokenizer."""
    return whisper_tokenizer(is_multilingual=False, language="en")


@cache
def whisper_tokenizer(is_multilingual: bool, language: str) -> Tokenizer:
    """The tokenizer of a Whisper model for transcribing `language`."""
    named = language if is_multilingual else None
    task = "transcribe" if is_multilingual else None
    with warnings.catch_warnings():  # openai-whisper leaves the file of its ranks to be closed
        warnings.simplefilter("ignore", ResourceWarning)
        return get_tokenizer(is_multilingual, language=named, task=task)


@cache
def word_tokens(word: str) -> tuple[int, ...]:
    """Whisper's tokens of `word` with the space before it."""
    return tuple(tokenizer().encode(" " + word))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Active token ids in the order of their rows; the row after the last is the junk row.

    `rows`: int64, shape (51864,), the row of every Whisper token (junk for the inactive).
    """

    tokens: tuple[int, ...]
    rows: Tensor

    @property
    def junk(self) -> int:
        return len(self.tokens)

    @property
    def size(self) -> int:
        return len(self.tokens) + 1

    @property
    def log_junk_count(self) -> float:
        return math.log(WHISPER_VOCABULARY - len(self.tokens))

    @property
    def first_timestamp(self) -> int:
        """Row of the timestamp 0.00; the others follow, and end the active rows."""
        return len(self.tokens) - TIMESTAMPS


@cache
def vocabulary() -> Vocabulary:
    """Words of the lexicon in all spellings, letters, numbers, specials, then timestamps."""
    whisper = tokenizer()
    text = _text_tokens([*LEXICON, *(str(n) for n in range(LARGEST_NUMBER))])
    special = [
        whisper.eot,
        whisper.sot,
        whisper.no_timestamps,
        whisper.no_speech,
        whisper.sot_prev,
    ]
    first = whisper.timestamp_begin
    tokens = (*text, *special, *range(first, first + TIMESTAMPS))
    rows = torch.full((WHISPER_VOCABULARY,), len(tokens))
    rows[torch.tensor(tokens)] = torch.arange(len(tokens))
    return Vocabulary(tokens, rows)


def _text_tokens(words: Iterable[str]) -> list[int]:
    whisper = tokenizer()
    found: set[int] = set()
    for word, mark, space in product([*words, *ascii_lowercase], MARKS, ("", " ")):
        for spelt in (word, word[0].upper() + word[1:]):
            found.update(whisper.encode(space + spelt + mark))
    return sorted(found)
