"""Errors of words and of their times. Counts are pooled; rates are made last."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from statistics import median

import jiwer
from whisper.normalizers import EnglishTextNormalizer

from chunking.text.word_keys import SPACELESS_LANGUAGES, key, split_graphemes
from training.synthesis import SpokenWord

NEAR = 0.2  # seconds


@cache
def _normalizer() -> EnglishTextNormalizer:
    with warnings.catch_warnings():  # openai-whisper leaves the file of its spellings to be closed
        warnings.simplefilter("ignore", ResourceWarning)
        return EnglishTextNormalizer()


@dataclass(frozen=True, slots=True)
class Errors:
    """Word errors of normalised texts against `words` words of reference."""

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def rate(self) -> float:
        """Word error rate, 0 to 1 and above."""
        if not self.words:
            raise ValueError("an empty reference has no error rate")
        return (self.substitutions + self.deletions + self.insertions) / self.words

    def plain(self) -> dict[str, float]:
        return {
            "wer": round(self.rate, 5),
            "words": self.words,
            "substitutions": self.substitutions,
            "deletions": self.deletions,
            "insertions": self.insertions,
        }


def errors(references: Sequence[str], heard: Sequence[str], language: str = "en") -> Errors:
    """Errors over pairs of texts, each as it is `comparable` in `language`."""
    pairs = [
        (comparable(reference, language), comparable(text, language))
        for reference, text in zip(references, heard, strict=True)
    ]
    spoken = [(r, h) for r, h in pairs if r]
    extra = sum(len(h.split()) for r, h in pairs if not r)
    if not spoken:
        return Errors(0, 0, 0, extra)
    out = jiwer.process_words([r for r, _ in spoken], [h for _, h in spoken])
    words = out.hits + out.substitutions + out.deletions
    return Errors(words, out.substitutions, out.deletions, out.insertions + extra)


def comparable(text: str, language: str) -> str:
    """`text` as its errors are counted: English as Whisper's authors normalise it, other languages
    without case and punctuation but with their vowel signs, character by character where words
    are not divided by spaces."""
    if language == "en":
        normalised: str = _normalizer()(text)
        return normalised
    if language in SPACELESS_LANGUAGES:
        return " ".join(split_graphemes(key(text)))
    return " ".join(key(word) for word in text.split())


@dataclass(frozen=True, slots=True)
class TimeErrors:
    """Of words heard right: seconds between their times and the true ones."""

    matched: int
    start_median: float
    end_median: float
    start_90: float
    near_share: float

    def plain(self) -> dict[str, float]:
        return {
            "matched": self.matched,
            "start_median": round(self.start_median, 4),
            "end_median": round(self.end_median, 4),
            "start_90": round(self.start_90, 4),
            "start_within_0.2s": round(self.near_share, 4),
        }


def time_errors(references: Sequence[SpokenWord], heard: Sequence[SpokenWord]) -> TimeErrors | None:
    """Errors of the times of words that both sequences share in order; None if there are none."""
    ours, theirs = [_bare(w.text) for w in references], [_bare(w.text) for w in heard]
    pairs = [
        (references[block.a + i], heard[block.b + i])
        for block in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
        for i in range(block.size)
    ]
    if not pairs:
        return None
    starts = sorted(abs(h.start - r.start) for r, h in pairs)
    return TimeErrors(
        matched=len(pairs),
        start_median=median(starts),
        end_median=median(abs(h.end - r.end) for r, h in pairs),
        start_90=starts[int(0.9 * (len(starts) - 1))],
        near_share=sum(error < NEAR for error in starts) / len(starts),
    )


def longest_loop(text: str, longest: int = 12) -> int:
    """How many times in a row the same words (up to `longest` of them) are said at most."""
    words = _normalizer()(text).split()
    most = 1
    for size in range(1, longest + 1):
        run = 0
        for place in range(size, len(words)):
            run = run + 1 if words[place] == words[place - size] else 0
            most = max(most, run // size + 1)
    return most


def _bare(word: str) -> str:
    return word.strip(" .,?!").lower()
