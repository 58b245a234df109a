"""From timed tokens to words and timed text.

Word boundaries come from openai-whisper's tokenizer (languages without spaces included); so do the
rules for punctuation and for words that a pause made implausibly long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from decoding.model.vocabulary import Vocabulary
from decoding.timing.token_alignment import TokenTimes
from decoding.types import DecodedWord, TimedText

PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"
SENTENCE_ENDS = ".。!！?？"
LONGEST_MEDIAN_SECONDS = 0.7
LONG_WORD_MEDIANS = 2  # a word longer than this many medians is implausible where a pause may hide
PAUSE_MEDIANS = 4
SEGMENT_SLACK_SECONDS = 0.5


class WordSplitter(Protocol):
    """openai-whisper's tokenizer, as far as it is needed here."""

    def split_to_word_tokens(self, tokens: list[int]) -> tuple[list[str], list[list[int]]]: ...


@dataclass(slots=True)
class _Timing:
    text: str
    tokens: tuple[int, ...]
    start: float
    end: float
    probability: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class TimedTokens:
    """Text tokens between two timestamp tokens; seconds from the start of the clip."""

    start: float
    end: float
    tokens: tuple[int, ...]


def split_at_timestamps(
    tokens: Sequence[int], vocabulary: Vocabulary, seconds: float
) -> list[TimedTokens]:
    """Cut sampled tokens at their timestamps; what is never closed ends with the clip."""
    found: list[TimedTokens] = []
    start = 0.0
    text: list[int] = []
    for token in tokens:
        if token >= vocabulary.timestamp_begin:
            time = vocabulary.seconds(token)
            if text:
                found.append(TimedTokens(start, time, tuple(text)))
            start, text = time, []
        elif token < vocabulary.eot:
            text.append(token)
    if text:
        found.append(TimedTokens(start, max(start, seconds), tuple(text)))
    return found


def timed_text(found: Sequence[TimedTokens], vocabulary: Vocabulary) -> tuple[TimedText, ...]:
    return tuple(TimedText(one.start, one.end, vocabulary.text_of(one.tokens)) for one in found)


def to_words(
    found: Sequence[TimedTokens], times: TokenTimes, splitter: WordSplitter, eot: int
) -> tuple[DecodedWord, ...]:
    """Words of all stretches, in order; together they hold every text token."""
    tokens = [token for timed in found for token in timed.tokens]
    timings = _split(tokens, times, splitter, eot)
    median, longest = _typical_seconds(timings)
    _shorten_at_sentence_ends(timings, longest)
    _attach_opening_marks(timings)
    _attach_closing_marks(timings)
    spoken_until = 0.0
    for timed, words in _by_timed_tokens(found, timings):
        if words:
            _shorten_after_pause(words, median, longest, spoken_until)
            spoken_until = _fit_into(timed, words, median)
    return tuple(
        DecodedWord(one.text, round(one.start, 2), round(one.end, 2), one.probability, one.tokens)
        for one in timings
        if one.text
    )


def _split(tokens: list[int], times: TokenTimes, splitter: WordSplitter, eot: int) -> list[_Timing]:
    texts, groups = splitter.split_to_word_tokens([*tokens, eot])
    timings, first = [], 0
    for text, group in zip(texts[:-1], groups[:-1], strict=True):
        after = first + len(group)
        probability = float(np.mean(times.probabilities[first:after]))
        start, end = float(times.starts[first]), float(times.starts[after])
        timings.append(_Timing(text, tuple(group), start, end, probability))
        first = after
    return timings


def _typical_seconds(timings: Sequence[_Timing]) -> tuple[float, float]:
    """Median length of a word, and the length from which one is implausible."""
    lengths = [one.seconds for one in timings if one.seconds != 0]
    median = min(LONGEST_MEDIAN_SECONDS, float(np.median(lengths))) if lengths else 0.0
    return median, LONG_WORD_MEDIANS * median


def _shorten_at_sentence_ends(timings: Sequence[_Timing], longest: float) -> None:
    for before, one in pairwise(timings):
        if longest and one.seconds > longest:
            if one.text in SENTENCE_ENDS:
                one.end = one.start + longest
            elif before.text in SENTENCE_ENDS:
                one.start = one.end - longest


def _attach_opening_marks(timings: Sequence[_Timing]) -> None:
    """Give an opening mark to the word after it; the empty entry stays and is dropped later."""
    following = len(timings) - 1
    for at in range(len(timings) - 2, -1, -1):
        mark = timings[at]
        if mark.text.startswith(" ") and mark.text.strip() in PREPENDED:
            word = timings[following]
            word.text, word.tokens = mark.text + word.text, mark.tokens + word.tokens
            mark.text, mark.tokens = "", ()
        else:
            following = at


def _attach_closing_marks(timings: Sequence[_Timing]) -> None:
    """Give a closing mark to the word before it."""
    before = 0
    for at in range(1, len(timings)):
        word, mark = timings[before], timings[at]
        if not word.text.endswith(" ") and mark.text in APPENDED:
            word.text, word.tokens = word.text + mark.text, word.tokens + mark.tokens
            mark.text, mark.tokens = "", ()
        else:
            before = at


def _by_timed_tokens(
    found: Sequence[TimedTokens], timings: Sequence[_Timing]
) -> Iterator[tuple[TimedTokens, list[_Timing]]]:
    """Deal the words out to the stretches that hold their tokens."""
    remaining = iter(timings)
    for timed in found:
        words, saved = [], 0
        while saved < len(timed.tokens):
            one = next(remaining, None)
            if one is None:
                break
            saved += len(one.tokens)
            if one.text:
                words.append(one)
        yield timed, words


def _shorten_after_pause(
    words: Sequence[_Timing], median: float, longest: float, spoken_until: float
) -> None:
    """The first and second word after a pause may have swallowed it."""
    first = words[0]
    second = words[1] if len(words) > 1 else None
    is_long = first.seconds > longest
    are_long = second is not None and second.end - first.start > LONG_WORD_MEDIANS * longest
    if first.end - spoken_until <= PAUSE_MEDIANS * median or not (is_long or are_long):
        return
    if second is not None and second.seconds > longest:
        boundary = max(second.end / 2, second.end - longest)
        first.end = second.start = boundary
    first.start = max(0.0, first.end - longest)


def _fit_into(timed: TimedTokens, words: Sequence[_Timing], median: float) -> float:
    """Prefer the timestamp tokens where a word strays far over them. Returns the end of speech."""
    first, last = words[0], words[-1]
    if timed.start < first.end and timed.start - SEGMENT_SLACK_SECONDS > first.start:
        first.start = max(0.0, min(first.end - median, timed.start))
    if timed.end > last.start and timed.end + SEGMENT_SLACK_SECONDS < last.end:
        last.end = max(last.start + median, timed.end)
        return timed.end
    return last.end
