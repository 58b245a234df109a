"""What the model shall answer to a window: tokens, their times, and labels for every frame.

Sentences stand between timestamps. A sentence that the window cuts off has its words but no end:
openai-whisper then moves on to its start, and an engine with overlapping windows keeps the words.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.network import PHONEMES, TEXT_POSITIONS
from training.synthesis import Phoneme, Spoken, SpokenWord
from training.vocabulary import (
    MARKS,
    SECONDS_PER_TIMESTAMP,
    TIMESTAMPS,
    Vocabulary,
    tokenizer,
    word_tokens,
)
from training.windows import TrainingWindow, Utterance

IGNORED = -100
FRAMES_PER_SECOND = 50
LATEST_FIRST_TIMESTAMP = 1.0  # seconds; what decoders allow at the start of a window
PROMPT_TOKENS = TEXT_POSITIONS // 2 - 1
Interval = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """How often there are timestamps and prompts, and how often a token read is a wrong one.

    `continued`: how often a prompt ends with the start of the sentence that the window begins in.
    """

    timestamps: float = 0.7
    prompts: float = 0.55
    continued: float = 0.85
    wrong_token: float = 0.04
    wrong_timestamp: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """`read` and `answer`: rows of the vocabulary, answer i follows read i, `IGNORED` for none.

    `intervals`: seconds in which answer i sounds, or None. `phonemes` and `words`: a label for
    each frame of 20 ms. `prompt_length`: how many of `read` stand before start-of-transcript.
    """

    read: tuple[int, ...]
    answer: tuple[int, ...]
    intervals: tuple[Interval, ...]
    phonemes: NDArray[np.int64]
    words: NDArray[np.int64]
    prompt_length: int


class PhonemeTable:
    """Numbers for phonemes in the order in which they are first met; 0 is silence."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._numbers = {name: index + 1 for index, name in enumerate(names)}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._numbers)

    def number(self, name: str) -> int:
        plain = name.lstrip("',%=")
        if not plain or plain.startswith("_"):
            return 0
        if plain not in self._numbers and len(self._numbers) < PHONEMES - 1:
            self._numbers[plain] = len(self._numbers) + 1
        return self._numbers.get(plain, 0)


class Labeller:
    """Turns windows into labels; `bank` supplies sentences for prompts."""

    def __init__(self, vocabulary: Vocabulary, table: PhonemeTable, style: LabelStyle) -> None:
        self._vocabulary = vocabulary
        self._table = table
        self._style = style
        whisper = tokenizer()
        self._start = self._row(whisper.sot)
        self._end = self._row(whisper.eot)
        self._no_timestamps = self._row(whisper.no_timestamps)
        self._no_speech = self._row(whisper.no_speech)
        self._before = self._row(whisper.sot_prev)

    def label(
        self, window: TrainingWindow, bank: Sequence[Spoken], chance: random.Random
    ) -> Labels:
        """Labels of one window."""
        has_timestamps = chance.random() < self._style.timestamps
        answer = self._answer(window, has_timestamps, chance)
        head = [self._start] if has_timestamps else [self._start, self._no_timestamps]
        read = [*head, *(self._misread(row, chance) for row, _ in answer[:-1])]
        if not has_timestamps:
            first = self._no_speech if not window.utterances else IGNORED
            answer = [(first, None), *answer]
        if not window.utterances and has_timestamps:
            answer[0] = (self._no_speech, None)
        prompt = self._prompt(window, bank, chance)
        return Labels(
            read=(*prompt, *read),
            answer=(*(IGNORED for _ in prompt), *(row for row, _ in answer)),
            intervals=(*(None for _ in prompt), *(interval for _, interval in answer)),
            phonemes=self._phoneme_frames(window),
            words=self._word_frames(window),
            prompt_length=len(prompt),
        )

    def _row(self, token: int) -> int:
        return int(self._vocabulary.rows[token])

    def _rows_of(self, word: str) -> list[int]:
        return [self._row(token) for token in word_tokens(word)]

    def _timestamp(self, seconds: float) -> int:
        step = round(seconds / SECONDS_PER_TIMESTAMP)
        return self._vocabulary.first_timestamp + min(max(step, 0), TIMESTAMPS - 1)

    def _answer(
        self, window: TrainingWindow, has_timestamps: bool, chance: random.Random
    ) -> list[tuple[int, Interval]]:
        """Rows to say and when each sounds, end-of-text last."""
        said: list[tuple[int, Interval]] = []
        nexts = [*(u.words[0].start for u in window.utterances[1:]), window.seconds]
        for utterance, after in zip(window.utterances, nexts, strict=False):
            start, end = utterance.words[0].start, utterance.words[-1].end
            shown = start if said else _first_timestamp(start, chance)
            if has_timestamps:
                said.append((self._timestamp(shown), (start, start)))
            said.extend(self._words(utterance, after))
            if has_timestamps and not utterance.is_cut:
                said.append((self._timestamp(end), (end, end)))
        if not window.utterances and has_timestamps:
            said.append((self._timestamp(0.0), None))
        return [*said, (self._end, None)]

    def _words(self, utterance: Utterance, after: float) -> list[tuple[int, Interval]]:
        """Rows of the words and when they sound; a mark "sounds" in the pause behind its word."""
        nexts = [*(word.start for word in utterance.words[1:]), after]
        return [
            (row, interval)
            for word, following in zip(utterance.words, nexts, strict=True)
            for row, interval in zip(
                self._rows_of(word.text), _shares(word, following), strict=True
            )
        ]

    def _misread(self, row: int, chance: random.Random) -> int:
        """`row`, or now and then another in its place, so that one mistake is not the end."""
        first = self._vocabulary.first_timestamp
        if row < first:
            is_wrong = row != self._end and chance.random() < self._style.wrong_token
            return chance.randrange(first - 5) if is_wrong else row
        if chance.random() < self._style.wrong_timestamp:
            return min(max(row + chance.randint(-6, 6), first), first + TIMESTAMPS - 1)
        return row

    def _prompt(
        self, window: TrainingWindow, bank: Sequence[Spoken], chance: random.Random
    ) -> list[int]:
        """Text before the window: other sentences, words to come, and a begun sentence's start."""
        if chance.random() >= self._style.prompts:
            return []
        wanted = chance.randint(3, PROMPT_TOKENS if chance.random() < 0.4 else 60)
        missing = window.utterances[0].missing if window.utterances else ()
        is_continued = bool(missing) and chance.random() < self._style.continued
        kind = 1.0 if is_continued else chance.random()
        rows: list[int] = []
        if kind < 0.3:
            rows = self._hints(window, chance)
        has_timestamps = chance.random() < 0.5
        while len(rows) < wanted and kind >= 0.15:
            rows = [*self._sentence(chance.choice(bank), has_timestamps, chance), *rows]
        if is_continued:
            rows.extend(row for word in missing for row in self._rows_of(word))
        return [self._before, *rows[-PROMPT_TOKENS:]] if rows else []

    def _sentence(self, spoken: Spoken, has_timestamps: bool, chance: random.Random) -> list[int]:
        rows = [row for word in spoken.words for row in self._rows_of(word.text)]
        if not has_timestamps:
            return rows
        start = chance.uniform(0.0, 25.0)
        return [self._timestamp(start), *rows, self._timestamp(start + spoken.duration)]

    def _hints(self, window: TrainingWindow, chance: random.Random) -> list[int]:
        """Some of the words to come, in any order, as a caller's list of names would hold them."""
        words = [word.text for utterance in window.utterances for word in utterance.words]
        chosen = chance.sample(words, min(len(words), chance.randint(1, 12)))
        return [row for word in chosen for row in self._rows_of(word)]

    def _phoneme_frames(self, window: TrainingWindow) -> NDArray[np.int64]:
        frames = np.zeros(round(window.seconds * FRAMES_PER_SECOND), np.int64)
        for utterance in window.utterances:
            for phoneme, end in _with_ends(utterance.phonemes, utterance.words[-1].end):
                frames[_frame(phoneme.start) : _frame(end)] = self._table.number(phoneme.name)
        return frames

    def _word_frames(self, window: TrainingWindow) -> NDArray[np.int64]:
        shape = round(window.seconds * FRAMES_PER_SECOND)
        frames = np.full(shape, self._no_speech, np.int64)
        for utterance in window.utterances:
            for word in utterance.words:
                rows = self._rows_of(word.text)
                for row, (start, end) in zip(rows, _shares(word, word.end), strict=True):
                    frames[_frame(start) : _frame(end)] = row
        return frames


def _first_timestamp(start: float, chance: random.Random) -> float:
    """What a window that begins with silence shows first: decoders allow no late one.

    Nearly always the latest that is allowed, which then tells that the sentence comes later. Its
    very start is what follows a window without speech; text must be able to follow that too.
    """
    kind = chance.random()
    if start <= LATEST_FIRST_TIMESTAMP or kind < 0.1:
        return start
    return LATEST_FIRST_TIMESTAMP if kind < 0.9 else 0.0


def _shares(word: SpokenWord, following: float) -> list[tuple[float, float]]:
    """The word's time divided among its tokens by their letters; a mark at its end has none of it
    but the pause until `following`."""
    texts = [tokenizer().decode([token]) for token in word_tokens(word.text)]
    is_marked = len(texts) > 1 and texts[-1] in MARKS
    letters = [max(1, len(text)) for text in (texts[:-1] if is_marked else texts)]
    edges = word.start + (word.end - word.start) * np.cumsum([0, *letters]) / sum(letters)
    shares = [(float(a), float(b)) for a, b in pairwise(edges)]
    return [*shares, (word.end, max(word.end, following))] if is_marked else shares


def _with_ends(phonemes: Sequence[Phoneme], last: float) -> list[tuple[Phoneme, float]]:
    ends = [*(p.start for p in phonemes[1:]), last]
    return list(zip(phonemes, ends, strict=False))


def _frame(seconds: float) -> int:
    return max(0, int(seconds * FRAMES_PER_SECOND))
