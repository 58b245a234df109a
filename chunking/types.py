"""The nouns of chunking. All times are seconds on the recording's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

WindowKind = Literal["grid", "seam", "gap", "hidden", "split", "mixed", "language"]
RepairReason = Literal["seam", "gap", "hidden", "truncated", "mixed"]
SeamStatus = Literal["agreed", "voted", "repaired", "uncertain", "silent"]

LIKELY_TOO = 0.15
"""Where two languages share a window `base` gives the lesser 0.17 to 0.36; in Finnish alone it
gives 0.13 to English, in Chinese 0.02."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time, `start` <= `end`."""

    start: float
    end: float

    def __post_init__(self) -> None:
        if not self.start <= self.end:
            raise ValueError(f"a span ends no earlier than it starts, got {self.start}..{self.end}")

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Window:
    """A planned cut of the recording, at most thirty seconds long.

    `index` is unique within a recording: grid windows count from 0, repair windows go on from
    there. `kind`: "grid" is the plan, "seam" is centred on a seam that needs repair, "gap" starts
    at uncovered speech, "hidden" before a word that stands for more speech than it can be, "split"
    is half of a truncated window, "mixed" half of one in which there may be several languages,
    "language" is decoded only for its language. `needed_until`: what
    is said behind it is asked of nobody, and may be left out; None: all of it is asked for.
    `spoken_until`: somebody speaks until then, and the text is to reach as far; `spoken_seconds`:
    for so long, in all that is asked for; None: nobody knows.
    """

    index: int
    start: float
    end: float
    kind: WindowKind = "grid"
    needed_until: float | None = None
    spoken_until: float | None = None
    spoken_seconds: float | None = None

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Word:
    """One word as recognised in one window; (`window`, `index`) is its provenance and is unique.

    `text` keeps the leading space that separates it from the word before, so that
    `"".join(word.text)` is the text.
    """

    text: str
    start: float
    end: float
    probability: float
    tokens: tuple[int, ...]
    window: int
    index: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What was recognised in one window, in order, on the recording's clock.

    `timed_text`: the spans between timestamp tokens. `attempts`: verdicts of every decoding
    attempt, the last one kept ("accepted" means kept as good). `languages`: the likely ones with
    their probabilities; none where the model was told.
    """

    window: Window
    words: Sequence[Word]
    timed_text: tuple[Span, ...] = ()
    language: str = "en"
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 0.0
    temperature: float = 0.0
    is_truncated: bool = False
    attempts: tuple[str, ...] = ("accepted",)
    languages: tuple[tuple[str, float], ...] = ()

    @property
    def is_mixed(self) -> bool:
        """Whether another of the languages that its window chose from is likely in it too."""
        return any(p >= LIKELY_TOO for code, p in self.languages if code != self.language)

    @property
    def may_repair(self) -> bool:
        """Whether its words may fill a gap: not those of a loop, nor of what was no speech."""
        return self.attempts[-1] not in ("repetitive", "no_speech")


@dataclass(frozen=True, slots=True)
class Seam:
    """Where the words of two neighbouring windows were joined.

    `time` is the cut on the recording's clock. "agreed": cut beside a word both windows have;
    "voted": a disagreement inside the overlap was settled; "repaired": a window of its own
    settled it; "uncertain": nothing did; "silent": neither side had words here.
    """

    left: int
    right: int
    time: float
    status: SeamStatus
    agreeing_words: int = 0


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """A window that the merge asks for. Its words may only add or replace inside `interval`."""

    window: Window
    interval: Span
    reason: RepairReason


@dataclass(frozen=True, slots=True)
class Merged:
    """One list of words out of many windows; `requests` are those that nobody answered."""

    words: Sequence[Word]
    seams: tuple[Seam, ...]
    requests: tuple[RepairRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text for people to read; `words` in order; figures as in openai-whisper."""

    id: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    language: str
    channel: int | None = None

    @property
    def tokens(self) -> tuple[int, ...]:
        return tuple(token for word in self.words for token in word.tokens)


@dataclass(frozen=True, slots=True)
class Redecoded:
    """A stretch that was decoded more than once, why, and what it brought.

    `words`: how many words of the transcript come from this window; none: it was in vain.
    """

    window: int
    start: float
    end: float
    reason: str
    words: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is certain and what is not in one transcript.

    `speech_seconds` is judged by a detector that does not decide what is skipped;
    `uncovered` are its stretches that no word covers (longer than the audit's threshold).
    `doubtful`: words where that detector hears no speech at all.
    """

    speech_seconds: float
    uncovered_seconds: float
    uncovered: tuple[Span, ...] = ()
    doubtful: tuple[Span, ...] = ()
    seams: tuple[Seam, ...] = ()
    redecoded: tuple[Redecoded, ...] = ()
    truncated: tuple[Span, ...] = ()

    def seams_with(self, status: SeamStatus) -> int:
        """How many seams ended as `status`."""
        return sum(seam.status == status for seam in self.seams)
