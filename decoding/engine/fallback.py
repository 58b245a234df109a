"""Temperature fallback: one window's attempts, from its options to the `Decoded` it becomes.

Holds what was tried and how it was judged. Touches no device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from decoding.engine.language_detection import DetectedLanguage
from decoding.engine.quality import best_attempt, compression_ratio, is_final, judge
from decoding.model.vocabulary import Vocabulary
from decoding.search.hypotheses import Hypothesis
from decoding.search.state import Plan
from decoding.timing.words import TimedTokens, split_at_timestamps, timed_text
from decoding.types import Attempt, Clip, Decoded, DecodedWord, DecodingOptions

SEED_MASK = 2**64 - 1


@dataclass(slots=True, eq=False)
class TemperatureFallback:
    """A window being decoded: what it is, and the attempts so far."""

    clip: Clip
    options: DecodingOptions
    language: DetectedLanguage
    num_prompt_tokens: int
    no_speech_prob: float = 0.0  # told with the first judgement
    tried: list[tuple[Attempt, Hypothesis]] = field(default_factory=list)

    @property
    def temperature(self) -> float:
        """Of the attempt that is due."""
        return self.options.temperatures[len(self.tried)]

    @property
    def beams(self) -> int:
        """Beams, or samples, of the attempt that is due."""
        return self.options.best_of if self.temperature > 0 else self.options.beam_size

    def plan(self, n_text_ctx: int) -> Plan:
        """How the attempt that is due is searched."""
        budget = n_text_ctx - self.num_prompt_tokens + 1  # the last one is never fed back
        if self.options.sample_len is not None:
            budget = min(budget, self.options.sample_len)
        is_sampling = self.temperature > 0
        return Plan(
            beam_size=self.beams,
            max_finished=self.beams
            if is_sampling
            else max(1, round(self.beams * self.options.patience)),
            budget=max(1, budget),
            temperature=self.temperature,
            has_timestamps=not self.options.without_timestamps,
            uniforms=self._uniforms(budget) if is_sampling else None,
        )

    def _uniforms(self, steps: int) -> Tensor:
        """Numbers [steps, beams] that depend on the clip's seed and the attempt alone."""
        key = [self.clip.seed & SEED_MASK, len(self.tried)]
        generator = np.random.Generator(np.random.Philox(key=np.array(key, dtype=np.uint64)))
        return torch.from_numpy(generator.random((max(1, steps), self.beams)))

    def judge(self, hypothesis: Hypothesis, no_speech_prob: float, vocabulary: Vocabulary) -> bool:
        """Record what the due attempt found. Returns whether the window is finished."""
        if math.isnan(no_speech_prob):
            hypothesis, no_speech_prob = replace(hypothesis, is_finite=False), 0.0
        self.no_speech_prob = no_speech_prob
        ratio = compression_ratio(vocabulary.text_of(hypothesis.tokens).strip())
        verdict = judge(hypothesis.avg_logprob, self.no_speech_prob, ratio, self.options)
        if not hypothesis.is_finite:
            verdict = "improbable"
        attempt = Attempt(self.temperature, hypothesis.avg_logprob, ratio, verdict)
        self.tried.append((attempt, hypothesis))
        return is_final(verdict) or len(self.tried) == len(self.options.temperatures)

    @property
    def is_finite(self) -> bool:
        """Whether the attempt to keep is of numbers."""
        kept = best_attempt([attempt for attempt, _ in self.tried])
        return self.tried[kept][1].is_finite

    def result(self, vocabulary: Vocabulary) -> Decoded:
        """The attempt to keep, without words; silence has neither text nor words."""
        attempts = tuple(attempt for attempt, _ in self.tried)
        kept = best_attempt(attempts)
        attempt, hypothesis = self.tried[kept]
        decoded = Decoded(
            text=vocabulary.text_of(hypothesis.tokens).strip(),
            tokens=hypothesis.tokens,
            words=(),
            timed_text=timed_text(self._timed_tokens(hypothesis, vocabulary), vocabulary),
            language=self.language.code,
            avg_logprob=attempt.avg_logprob,
            no_speech_prob=self.no_speech_prob,
            compression_ratio=attempt.compression_ratio,
            temperature=attempt.temperature,
            is_truncated=hypothesis.is_truncated,
            attempts=attempts,
            language_probabilities=self.language.probabilities,
            kept=kept,
        )
        if attempt.verdict == "no_speech":
            return replace(decoded, text="", timed_text=())
        return decoded

    def to_align(self, decoded: Decoded, vocabulary: Vocabulary) -> list[TimedTokens]:
        """The text whose words want times; empty when there is none or nobody asked."""
        if not self.options.word_timestamps or not decoded.text:
            return []
        return split_at_timestamps(decoded.tokens, vocabulary, self.clip.seconds)

    def _timed_tokens(self, hypothesis: Hypothesis, vocabulary: Vocabulary) -> list[TimedTokens]:
        return split_at_timestamps(hypothesis.tokens, vocabulary, self.clip.seconds)


def with_words(decoded: Decoded, words: tuple[DecodedWord, ...]) -> Decoded:
    return replace(decoded, words=words)
