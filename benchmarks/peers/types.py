"""What a recogniser is to the benchmark: opened from a specification, asked file by file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.formats.types import TimedWord
from chunking.types import Span


class PeerUnavailable(Exception):
    """The recogniser is not installed or cannot be opened; the message says what to do."""


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """Which recogniser, with which model and settings.

    `kind` is a name of `benchmarks.peers.registry` or the base address of an OpenAI-compatible
    server. `beam_size` 1 is greedy. `batch_size` means windows at once, where the recogniser has
    batches. `previous_text` False: sequential recognisers do not prompt with the text before.
    `overlap` is our pipeline's alone. `phase`: seconds by which the first window (of ours:
    behind each silence) is shorter, so that all others begin elsewhere; ours and ours-sequential.
    """

    kind: str = "ours"
    model: str = "demo"
    device: str = "cpu"
    precision: str = "auto"
    beam_size: int = 5
    batch_size: int = 8
    threads: int | None = None
    skip_silence: bool = True
    previous_text: bool = True
    overlap: float | None = None
    phase: float = 0.0
    model_dir: str | None = None
    api_key: str | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> PeerSpec:
        return cls(**row)

    @property
    def label(self) -> str:
        """Name in tables."""
        kind = "whisper-longform" if self.kind == "ours" else self.kind
        return kind.rstrip("/")


@dataclass(frozen=True, slots=True)
class Account:
    """What our pipeline tells of its own work on one file.

    `planned`: windows of the plan; `repairs`: windows decoded besides, of which `repairs_used`
    have a word in the transcript, `repaired_words` together. `uncovered`: stretches where it says
    that speech has no words. `cpu_seconds` by stage, in the order of the work; `engine_seconds`
    are what the engine did in the stage "windows", `repair_seconds` those of it on repairs.
    """

    planned: int
    repairs: int
    repairs_used: int
    repaired_words: int
    uncovered: tuple[Span, ...] = ()
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    engine_seconds: Mapping[str, float] = field(default_factory=dict)
    repair_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class PeerTranscript:
    """What a recogniser made of one file; `seams` are seconds where windows were joined.

    `language`: an ISO 639-1 code, where the recogniser says in which language it heard speech.
    """

    text: str
    words: tuple[TimedWord, ...] = ()
    seams: tuple[float, ...] = ()
    windows: int | None = None
    uncovered_seconds: float | None = None
    language: str | None = None
    account: Account | None = None


class Peer(Protocol):
    """An opened recogniser. Not shared between threads."""

    @property
    def settings(self) -> Mapping[str, str]:
        """Everything that could change the outcome, for the report."""
        ...

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript: ...

    def close(self) -> None: ...
