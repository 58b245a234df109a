"""Whether we decode what openai-whisper decodes, at any precision and in any company.

Times nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.scoring import score
from benchmarks.speed.reference import Reference
from benchmarks.speed.systems import sound
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model
from decoding.types import OPENAI_RULES, Clip, Decoded, DecodingOptions
from transcription.models import checkpoint_of

Windows = Sequence[NDArray[np.int16]]
Jobs = Sequence[tuple[NDArray[np.int16], DecodingOptions]]
SCORE_TOLERANCE: Final = 1e-4  # of the average log probability
OPTIONS: Final = DecodingOptions(
    language="en", temperatures=(0.0,), word_timestamps=False, **OPENAI_RULES
)
PROMPT: Final = "A meeting about the harbour"
COMPANY: Final = (
    OPTIONS,
    replace(OPTIONS, prompt=PROMPT, word_timestamps=True),
    replace(OPTIONS, sample_len=9),
    replace(OPTIONS, sample_len=30, word_timestamps=True, ranking="minimum_bayes_risk"),
    replace(OPTIONS, beam_size=3, sample_len=20),
    replace(OPTIONS, beam_size=1, without_timestamps=True, sample_len=40),
    replace(OPTIONS, temperatures=(0.6,), sample_len=25),
)
REFERENCE: Final = sound.RECORDING.with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Equality:
    """Our tokens at fp32 against openai-whisper's `decode`, window by window.

    `near_ties`: windows whose tokens differ although the two texts' summed log probabilities lie
    within the tolerance. `differing`: which windows' tokens or languages differ, from 0.
    """

    windows: int
    equal: int
    near_ties: int
    tokens: int
    largest_score_difference: float
    differing: tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        is_close = self.largest_score_difference <= SCORE_TOLERANCE
        return self.equal + self.near_ties == self.windows and is_close


@dataclass(frozen=True, slots=True)
class Company:
    """Windows of which everything decoded is the same alone, together and after refills."""

    precision: str
    windows: int
    same: int

    @property
    def holds(self) -> bool:
        return self.same == self.windows


@dataclass(frozen=True, slots=True)
class TwoWays:
    """Tokens of the same windows decoded in two ways."""

    precision: str
    windows: int
    tokens: int
    differing_tokens: int

    @property
    def rate(self) -> float:
        return self.differing_tokens / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True)
class Graphs:
    """Steps recorded and replayed against plain ones; `complaints`: why some were not recorded."""

    compared: TwoWays
    complaints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Word error rate of the shipped recording, its windows one after the other."""

    precision: str
    errors: int
    reference_words: int

    @property
    def rate(self) -> float:
        return self.errors / self.reference_words


def decode(model: str, device: str, precision: str, windows: Windows, slots: int) -> list[Decoded]:
    """The windows by our engine, `slots` of them at once."""
    return decode_jobs(model, device, precision, [(one, OPTIONS) for one in windows], slots)


def decode_jobs(
    model: str, device: str, precision: str, jobs: Jobs, slots: int, *, cuda_graphs: bool = True
) -> list[Decoded]:
    """Windows with options of their own."""
    loaded = load_model(
        checkpoint_of(model), device=device, precision=precision, cuda_graphs=cuda_graphs
    )
    engine = Engine(loaded, slots=slots)
    try:
        futures = [engine.submit(Clip(samples), options) for samples, options in jobs]
        return [future.result() for future in futures]
    finally:
        engine.close()


def equality(
    model: str, device: str, windows: Windows, prompts: Sequence[str | None], most_tokens: int = 224
) -> Equality:
    """fp32 on `device` against openai-whisper on the same device, which takes a window at a time.

    `prompts` go round over the windows.
    """
    given = [prompts[at % len(prompts)] for at in range(len(windows))]
    jobs = [
        (samples, replace(OPTIONS, prompt=prompt, sample_len=most_tokens))
        for samples, prompt in zip(windows, given, strict=True)
    ]
    return equality_of_jobs(model, device, jobs, Reference(model, device))


def equality_of_jobs(model: str, device: str, jobs: Jobs, reference: Reference) -> Equality:
    """Windows with options of their own against `reference`."""
    answers = [reference.decode(samples, options) for samples, options in jobs]
    ours = decode_jobs(model, device, "fp32", jobs, slots=min(len(jobs), 8))
    differing, ties, tokens, largest = [], 0, 0, 0.0
    for at, (theirs, mine) in enumerate(zip(answers, ours, strict=True)):
        difference = abs(theirs.avg_logprob - mine.avg_logprob)
        if (theirs.tokens, theirs.language) != (mine.tokens, mine.language):
            differing.append(at)
            ties += difference * len(mine.tokens) < SCORE_TOLERANCE
        tokens += len(mine.tokens)
        largest = max(largest, difference)
    equal = len(jobs) - len(differing)
    return Equality(len(jobs), equal, ties, tokens, largest, tuple(differing))


def company(model: str, device: str, precision: str, windows: Windows) -> Company:
    """Alone, eight together, three at a time: windows end at different steps, and leave.

    Beams, prompts and budgets differ, so that neighbours come and go while others go on.
    """
    jobs = _in_company(windows)
    alone = decode_jobs(model, device, precision, jobs, slots=1)
    together = [decode_jobs(model, device, precision, jobs, slots=slots) for slots in (8, 3)]
    same = sum(
        all(one == other for other in others) for one, *others in zip(alone, *together, strict=True)
    )
    return Company(precision, len(windows), same)


def _in_company(windows: Windows) -> Jobs:
    return [(samples, COMPANY[at % len(COMPANY)]) for at, samples in enumerate(windows)]


def batches(model: str, device: str, precision: str, count: int) -> TwoWays:
    """Alone against together."""
    windows = sound.windows(count)
    alone = decode(model, device, precision, windows, slots=1)
    together = decode(model, device, precision, windows, slots=count)
    return _two_ways(precision, alone, together)


def graphs(model: str, device: str, precision: str, windows: Windows) -> Graphs:
    """Eight windows together, of all kinds, while others leave and enter."""
    jobs = _in_company(windows)
    heard = _Complaints(logging.WARNING)
    logger = logging.getLogger("decoding.device.cuda_graphs")
    logger.addHandler(heard)
    try:
        plain, recorded = (
            decode_jobs(model, device, precision, jobs, slots=8, cuda_graphs=given)
            for given in (False, True)
        )
    finally:
        logger.removeHandler(heard)
    return Graphs(_two_ways(precision, plain, recorded), tuple(heard.sentences))


class _Complaints(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


def _two_ways(precision: str, ones: Sequence[Decoded], others: Sequence[Decoded]) -> TwoWays:
    differing = sum(
        sum(a != b for a, b in zip(one.tokens, other.tokens, strict=False))
        + abs(len(one.tokens) - len(other.tokens))
        for one, other in zip(ones, others, strict=True)
    )
    return TwoWays(precision, len(ones), sum(len(one.tokens) for one in ones), differing)


def error_rate(model: str, device: str, precision: str, count: int | None = None) -> ErrorRate:
    """Against the shipped reference; windows that do not overlap cut words at every precision.

    `count`: only the first windows; what comes after them then counts as deleted.
    """
    windows = sound.stretches()[:count]
    heard = " ".join(one.text for one in decode(model, device, precision, windows, slots=8))
    spoken = str(json.loads(REFERENCE.read_text(encoding="utf-8"))["text"])
    counts = score(spoken, heard).words
    return ErrorRate(precision, counts.errors, counts.reference_length)
