"""The nouns of decoding and its one port, `Decoder`.

No tensors here: whoever asks for a decoding need not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
FULL_SCALE = 32_768.0  # of 16-bit samples; sound in floating point is 1.0 there
CLIP_SECONDS = 30.0
CLIP_SAMPLES = int(CLIP_SECONDS * SAMPLE_RATE)
UNWRITTEN = 1.0
"""Seconds of speech that may follow on a text's last timestamp: Whisper's times and those of a
detector of speech differ by as much."""

Task = Literal["transcribe", "translate", "lang_id", "voice_activity"]
Ranking = Literal["minimum_bayes_risk", "likelihood"]
OPENAI_RULES: Final[Mapping[str, Any]] = {"needs_language": False, "ranking": "likelihood"}
"""Options of decoding by openai-whisper's rules alone: what ours are compared with it by."""
Verdict = Literal["accepted", "no_speech", "repetitive", "improbable", "sparse"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a clip's text before it is decoded; None: nobody knows.

    `needed_until`: in seconds from the clip's start; text behind it is for nobody, and a hypothesis
    that writes a timestamp there is finished. `spoken_until`: as far, somebody speaks; at
    temperature zero no text ends behind a timestamp that lies well before. `spoken_seconds`: for so
    long, in all that is needed; hardly any text for them is tried again.
    """

    needed_until: float | None = None
    spoken_until: float | None = None
    spoken_seconds: float | None = None


NOTHING_EXPECTED: Final = Expected()


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Samples of one window and what the engine needs to treat its owner fairly.

    `samples`: mono at 16 kHz, int16 or float32 in [-1, 1], shape (n,), n <= 480,000.
    `group`: whoever cancels, cancels a group (one request, one job). `caller`: fairness is
    between callers (API keys). `windows_left`: windows of the group not yet decoded, this one
    included; less goes first. `start`: where it lies in its recording, in seconds; of a group's
    clips the earliest goes first. `seed`: makes sampling reproducible (hash of audio and window).
    """

    samples: NDArray[np.int16] | NDArray[np.float32]
    group: str = ""
    caller: str = ""
    windows_left: int = 1
    start: float = 0.0
    seed: int = 0
    expected: Expected = NOTHING_EXPECTED

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or len(self.samples) > CLIP_SAMPLES:
            raise ValueError(
                f"a clip is mono and at most {CLIP_SAMPLES} samples, got shape {self.samples.shape}"
            )
        if self.samples.dtype not in (np.int16, np.float32):
            raise ValueError(f"samples are int16 or float32, got {self.samples.dtype}")

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How one clip is decoded; every row of a batch may have its own.

    Defaults are openai-whisper's command line (beam 5, temperature fallback, thresholds), but for
    `needs_language` and `ranking`.
    `language` None means detect, among `languages` when given. `length_penalty` None divides the
    score by the length; a number is the exponent of the GNMT penalty ((5 + n) / 6) ** alpha.
    `sample_len` None means all of the context that the prompt leaves free. `needs_language`:
    short or improbable text is none where no speech is likelier than any language; without it,
    openai-whisper's rules alone. `ranking`: of what a beam search found, the text with the fewest
    errors to be expected (decoding/search/minimum_bayes_risk.py), or the likeliest, as
    openai-whisper; thresholds judge the log probability of the text that is taken.
    """

    task: Task = "transcribe"
    language: str | None = None
    languages: tuple[str, ...] = ()
    prompt: str | None = None
    hotwords: str | None = None
    beam_size: int = 5
    best_of: int = 5
    patience: float = 1.0
    length_penalty: float | None = None
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    without_timestamps: bool = False
    max_initial_timestamp: float | None = 1.0
    suppress_blank: bool = True
    suppress_tokens: tuple[int, ...] | None = None  # None: openai-whisper's non-speech list ("-1")
    sample_len: int | None = None
    word_timestamps: bool = True
    compression_ratio_threshold: float | None = 2.4
    logprob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    needs_language: bool = True
    ranking: Ranking = "minimum_bayes_risk"

    def __post_init__(self) -> None:
        words = ("task", self.task, get_args(Task)), ("ranking", self.ranking, get_args(Ranking))
        for name, given, known in words:
            if given not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {given!r}")
        if not 1 <= self.beam_size <= 16:
            raise ValueError(f"beam_size must be 1 to 16, got {self.beam_size}")
        if not 1 <= self.best_of <= 16:
            raise ValueError(f"best_of must be 1 to 16, got {self.best_of}")
        if not 0.0 < self.patience <= 4.0:
            raise ValueError(f"patience must be above 0 and at most 4, got {self.patience}")
        if self.length_penalty is not None and not 0.0 <= self.length_penalty <= 1.0:
            raise ValueError(f"length_penalty must be 0 to 1, got {self.length_penalty}")
        if not self.temperatures or not all(0.0 <= t <= 1.0 for t in self.temperatures):
            raise ValueError(f"temperatures must be one or more of 0 to 1, got {self.temperatures}")

    @property
    def needs_slot(self) -> bool:
        """Whether the clip is decoded, token by token; where speech is, is found at once."""
        return self.task != "voice_activity"


@dataclass(frozen=True, slots=True)
class DecodedWord:
    """One word; `start` and `end` in seconds from the start of the clip; `text` keeps its space."""

    text: str
    start: float
    end: float
    probability: float
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TimedText:
    """What stood between two timestamp tokens; seconds from the start of the clip."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of the temperature fallback and how it was judged."""

    temperature: float
    avg_logprob: float
    compression_ratio: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was recognised in one clip.

    `tokens` are the sampled tokens (timestamps included, prompt and end-of-text not).
    `kept`: index of the attempt that all this is of.
    `is_truncated`: the token budget ended before end-of-text. `language_probabilities` is filled
    when the language was detected. For task `lang_id` the tokens, text and words are empty; for
    `voice_activity` the language too, and `speech_probabilities` has one for every 512 samples.
    """

    text: str
    tokens: tuple[int, ...]
    words: tuple[DecodedWord, ...]
    timed_text: tuple[TimedText, ...]
    language: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    is_truncated: bool
    attempts: tuple[Attempt, ...]
    language_probabilities: Mapping[str, float] = field(default_factory=dict)
    speech_probabilities: tuple[float, ...] = ()
    kept: int = 0

    @classmethod
    def without_text(
        cls,
        *,
        language: str = "",
        language_probabilities: Mapping[str, float] | None = None,
        speech_probabilities: tuple[float, ...] = (),
    ) -> Decoded:
        """The answer to a task for which nothing is decoded."""
        return cls(
            text="",
            tokens=(),
            words=(),
            timed_text=(),
            language=language,
            avg_logprob=0.0,
            no_speech_prob=0.0,
            compression_ratio=0.0,
            temperature=0.0,
            is_truncated=False,
            attempts=(),
            language_probabilities=language_probabilities or {},
            speech_probabilities=speech_probabilities,
        )

    @property
    def verdict(self) -> Verdict:
        """How the kept attempt was judged."""
        return self.attempts[self.kept].verdict if self.attempts else "accepted"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a loaded model is and where it runs."""

    name: str
    is_multilingual: bool
    languages: tuple[str, ...]
    parameters: int
    device: str
    precision: str


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """Counters since start and gauges of now.

    `steps`: turns of the engine's loop; while there is work it grows, or the engine is stuck.
    `deaths`: processes of the engine that died, or were ended because they were stuck.
    """

    slots: int = 0
    slots_in_use: int = 0
    queued: int = 0
    windows_decoded: int = 0
    windows_retried: int = 0
    tokens_decoded: int = 0
    audio_seconds: float = 0.0
    device_memory_bytes: int = 0
    steps: int = 0
    deaths: int = 0


class Decoder(Protocol):
    """Anything that turns clips into text: engine, engine process, replicas, test engine.

    A future gives its `Decoded`, is cancelled, or raises one of `decoding.errors`: `NotFinite`, the
    model gave no numbers for the clip; `PoisonClip`, the engine died of it twice; `EngineFailed`,
    the device failed; `ReplicaLost`, that of several engines that had it; `EngineAway`, it is being
    started again.
    """

    @property
    def model(self) -> ModelCard: ...

    @property
    def is_alive(self) -> bool:
        """Whether clips are taken now. An engine that is lost may come back; a closed one not."""
        ...

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        """Queue one clip. Raises, of `decoding.errors`, `QueueFull` when the bounded queue is full,
        `UnsupportedOption`, `EngineAway`, and `EngineFailed` when it is closed or lost."""
        ...

    def cancel(self, group: str) -> None:
        """Drop the group's clips, queued or in a slot; their futures are cancelled."""
        ...

    def statistics(self) -> EngineStatistics: ...

    def close(self) -> None:
        """Stop; unfinished futures are cancelled. Safe to call twice."""
        ...
