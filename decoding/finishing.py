"""From decided windows to `Decoded`: the texts are read once more, for the times of their words.

Judges nothing: what each window said is settled when it comes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from decoding.alignment import Reading, TokenTimes, align, heard_frames
from decoding.ladder import Climb, with_words
from decoding.model import LoadedModel
from decoding.text_decoder import KeyValue
from decoding.types import Decoded
from decoding.words import Stretch, to_words


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """A window that climbs no further, and its audio keys and values, each [1, heads, 1500, w]."""

    climb: Climb
    audio: list[KeyValue]


@dataclass(frozen=True, slots=True, eq=False)
class _Text:
    """What a window said, cut at its timestamps, and where it was heard."""

    at: int  # among the decided
    found: list[Stretch]
    reading: Reading
    audio: list[KeyValue]


def finish(model: LoadedModel, decided: Sequence[Decided], at_once: int) -> list[Decoded]:
    """What the windows become, in order; at most `at_once` are aligned in one call."""
    vocabulary = model.vocabulary
    results = [one.climb.result(vocabulary) for one in decided]
    texts = [
        text
        for at, (one, result) in enumerate(zip(decided, results, strict=True))
        if (text := _to_align(model, at, one, result)) is not None
    ]
    for first in range(0, len(texts), at_once):
        part = texts[first : first + at_once]
        for text, times in zip(part, _times(model, part), strict=True):
            climb = decided[text.at].climb
            tokenizer = vocabulary.tokenizer(climb.language.code, climb.options.task)
            words = to_words(text.found, times, tokenizer, vocabulary.eot)
            results[text.at] = with_words(results[text.at], words)
    return results


def _to_align(model: LoadedModel, at: int, decided: Decided, result: Decoded) -> _Text | None:
    climb, vocabulary = decided.climb, model.vocabulary
    found = climb.to_align(result, vocabulary)
    if not found:
        return None
    tokenizer = vocabulary.tokenizer(climb.language.code, climb.options.task)
    tokens = tuple(token for stretch in found for token in stretch.tokens)
    reading = Reading(tokenizer.sot_sequence, tokens, heard_frames(len(climb.clip.samples)))
    return _Text(at, found, reading, decided.audio)


def _times(model: LoadedModel, texts: Sequence[_Text]) -> list[TokenTimes]:
    return align(model, _joined([one.audio for one in texts]), [one.reading for one in texts])


def _joined(windows: Sequence[list[KeyValue]]) -> list[KeyValue]:
    """The keys and values of several windows, layer by layer; one window is not copied."""
    if len(windows) == 1:
        return windows[0]
    return [
        (torch.cat([key for key, _ in layer]), torch.cat([value for _, value in layer]))
        for layer in zip(*windows, strict=True)
    ]
