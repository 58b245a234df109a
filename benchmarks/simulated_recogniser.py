"""Made-up speech with natural timing, and a recogniser that errs as real ones do near window edges.

No sound and no model: words with times go in, windows of misheard words come out. The noise is
invented; what it is good for is comparing ways to join windows on exactly the same mistakes.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chunking.types import Piece, Window, Word

SHARED_ERRORS = 0.75
"""Most mistakes are the sound's fault: every window that hears a word makes the same one."""
DELETED, REPLACED = 0.25, 0.8
"""Of all mistakes: below the first a word is lost, below the second replaced, else one is added."""
CUT_WORD_LOST = 0.5
EDGE_DROP = 0.15
INVENTED_TAIL = 0.06
LONGEST_EDGE_DROP = 3
LONGEST_TAIL = 4


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word that was said; seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Regime:
    """How badly words are heard: rate of mistakes, timing error, clock shift between windows."""

    name: str
    error_rate: float
    jitter: float
    offset: float


REGIMES = (
    Regime("A", 0.05, 0.10, 0.0),
    Regime("B", 0.12, 0.15, 0.15),
    Regime("C", 0.20, 0.30, 0.15),
)

_SYLLABLES = tuple(c + v for c in "bdfgklmnprstvz" for v in "aeiou")
VOCABULARY = 4000


def speak(seconds: float, seed: int, *, repeat_every: int | None = None) -> tuple[SpokenWord, ...]:
    """Words of Zipf's frequencies with pauses; with `repeat_every`, bursts of one repeated word."""
    dice = random.Random(f"speech {seed}")
    lexicon = _lexicon(dice)
    weights = [1.0 / (rank + 3) for rank in range(len(lexicon))]
    words: list[SpokenWord] = []
    clock = 0.5
    while clock < seconds:
        burst = repeat_every is not None and len(words) % repeat_every == repeat_every - 1
        texts = ["yeah"] * 12 if burst else dice.choices(lexicon, weights)
        for text in texts:
            end = clock + 0.09 + 0.045 * len(text) * dice.uniform(0.7, 1.5)
            words.append(SpokenWord(text, clock, end))
            clock = end + _pause(dice)
    return tuple(words)


def _lexicon(dice: random.Random) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        length = 1 + int(len(words) > 40) + dice.randrange(3) * int(len(words) > 200)
        words["".join(dice.choice(_SYLLABLES) for _ in range(length)) + dice.choice("snrtl")] = None
    return list(words)


def _pause(dice: random.Random) -> float:
    kind = dice.random()
    if kind < 0.80:
        return dice.uniform(0.0, 0.06)
    if kind < 0.97:
        return dice.uniform(0.1, 0.6)
    return dice.uniform(0.6, 2.0)


def read_words(path: Path) -> tuple[SpokenWord, ...]:
    """Words of a JSON-lines file, one `{"text", "start", "end"}` a line, in order of time."""
    words: list[SpokenWord] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            words.append(SpokenWord(str(row["text"]), float(row["start"]), float(row["end"])))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}:{number}: expected text, start and end") from error
    return tuple(sorted(words, key=lambda word: word.start))


@dataclass(frozen=True, slots=True)
class _RecognisedWord:
    text: str
    start: float
    end: float
    probability: float


class SimulatedRecogniser:
    """Hears one recording through any window; the same window always in the same way."""

    def __init__(self, words: Sequence[SpokenWord], regime: Regime, seed: int) -> None:
        self._words = words
        self._regime = regime
        self._seed = seed
        shared = random.Random(f"shared {seed} {regime.name}")
        rate = regime.error_rate * SHARED_ERRORS
        self._shared = [self._mistake(shared, rate) for _ in words]

    def recognise(self, window: Window) -> Piece:
        """Mistakes everywhere, cut and dropped words at cut edges, sometimes an invented tail."""
        dice = random.Random(f"{self._seed} {self._regime.name} {window.start} {window.end}")
        recognised = self._recognise_words(window, dice)
        cuts_start = bool(self._words) and window.start > self._words[0].start
        cuts_end = bool(self._words) and window.end < self._words[-1].end
        if cuts_start and dice.random() < EDGE_DROP:
            recognised = recognised[dice.randint(1, LONGEST_EDGE_DROP) :]
        if cuts_end and dice.random() < EDGE_DROP:
            recognised = recognised[: -dice.randint(1, LONGEST_EDGE_DROP)]
        if cuts_end and dice.random() < INVENTED_TAIL:
            recognised += self._invent_tail(window, recognised, dice)
        return _to_piece(window, recognised)

    def recognise_all(self, windows: Sequence[Window]) -> list[str]:
        """What would be heard if no window had edges: every word as its most central window does.

        The floor that no joining of `windows` can be asked to beat.
        """
        texts: list[str] = []
        for index, word in enumerate(self._words):
            window = min(windows, key=lambda w: abs(w.start + w.end - word.start - word.end))
            mistake = self._shared[index] or self._own_mistake(index, window)
            texts += _misrecognise(word.text, mistake)
        return texts

    def _recognise_words(self, window: Window, dice: random.Random) -> list[_RecognisedWord]:
        shift = dice.gauss(0.0, self._regime.offset)
        recognised: list[_RecognisedWord] = []
        first = bisect_left(self._words, window.start, key=lambda word: word.end)
        for index in range(first, len(self._words)):
            word = self._words[index]
            if word.start >= window.end:
                break
            if word.start < window.start or word.end > window.end:
                if dice.random() >= CUT_WORD_LOST:
                    recognised += self._place(word, [_garble(word.text, dice)], shift, dice)
                continue
            mistake = self._shared[index] or self._own_mistake(index, window)
            recognised += self._place(word, _misrecognise(word.text, mistake), shift, dice)
        return recognised

    def _own_mistake(self, index: int, window: Window) -> str:
        """A mistake of this window alone; the same whenever it is asked for."""
        dice = random.Random(f"{self._seed} {self._regime.name} {window.index} {index}")
        return self._mistake(dice, self._regime.error_rate * (1 - SHARED_ERRORS))

    def _mistake(self, dice: random.Random, rate: float) -> str:
        """Empty for none, else its kind and what is heard instead."""
        if dice.random() >= rate:
            return ""
        kind = dice.random()
        if kind < DELETED:
            return "-"
        return ("=" if kind < REPLACED else "+") + _garble("", dice)

    def _place(
        self, word: SpokenWord, texts: Sequence[str], shift: float, dice: random.Random
    ) -> list[_RecognisedWord]:
        placed: list[_RecognisedWord] = []
        step = (word.end - word.start) / max(len(texts), 1)
        for number, text in enumerate(texts):
            start = word.start + number * step + shift + dice.gauss(0.0, self._regime.jitter)
            end = start + step * dice.uniform(0.8, 1.2)
            probability = dice.uniform(0.6, 1.0) if text == word.text else dice.uniform(0.2, 0.8)
            placed.append(_RecognisedWord(text, start, end, probability))
        return placed

    def _invent_tail(
        self, window: Window, recognised: Sequence[_RecognisedWord], dice: random.Random
    ) -> list[_RecognisedWord]:
        clock = max(recognised[-1].end if recognised else window.start, window.end - 2.0)
        tail: list[_RecognisedWord] = []
        for _ in range(dice.randint(1, LONGEST_TAIL)):
            tail.append(
                _RecognisedWord(_garble("", dice), clock, clock + 0.3, dice.uniform(0.2, 0.8))
            )
            clock += 0.3
        return tail


def _garble(text: str, dice: random.Random) -> str:
    return text[:1] + "".join(dice.choice(_SYLLABLES) for _ in range(2)) + "q"


def _misrecognise(text: str, mistake: str) -> list[str]:
    if not mistake:
        return [text]
    if mistake == "-":
        return []
    return [mistake[1:]] if mistake[0] == "=" else [text, mistake[1:]]


def _to_piece(window: Window, recognised: Sequence[_RecognisedWord]) -> Piece:
    """Words in the order in which they were heard; their times go forward as a decoder's do."""
    words: list[Word] = []
    reached = window.start
    for index, word in enumerate(recognised):
        start = min(max(word.start, reached), window.end)
        end = min(max(word.end, start), window.end)
        words.append(
            Word(f" {word.text}", start, end, word.probability, (index,), window.index, index)
        )
        reached = start
    return Piece(window, tuple(words))
