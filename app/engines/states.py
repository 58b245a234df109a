"""In which states the engine of a model can be, and what is told of it.

A table of values: what leads from one state to the next is app/engines/pool.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from decoding.types import ModelCard

State = Literal["closed", "opening", "open", "closing", "unavailable", "unusable"]
Phase = Literal[
    "waiting", "downloading", "loading", "warming_up", "waiting_for_room", "waiting_for_worker"
]
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an opening is. `bytes_total` of a download, None in another phase."""

    phase: Phase
    bytes_done: int = 0
    bytes_total: int | None = None

    @property
    def sentence(self) -> str:
        """What goes on, to follow the model's name."""
        match self.phase:
            case "waiting":
                return "waits to be loaded"
            case "downloading" if self.bytes_total:
                done, total = self.bytes_done / MB, self.bytes_total / MB
                return f"is being downloaded: {done:.0f} of {total:.0f} MB"
            case "downloading":
                return "is being downloaded"
            case "loading":
                return "is being loaded"
            case "warming_up":
                return "is loaded and warms up"
            case "waiting_for_room":
                return "does not fit beside the other models and waits for them to be unloaded"
            case "waiting_for_worker":
                return "waits for a worker"


WAITING = Progress("waiting")


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model of the service as it is now.

    `name` is what jobs remember; the card's may differ where another model had to be taken.
    `is_away`: its engine died and is being started again. `retry_in`: seconds until the next try
    of an unavailable one; `trouble`: what came of the last, to follow the model's name.
    """

    name: str
    state: State
    progress: Progress = WAITING
    card: ModelCard | None = None
    is_default: bool = True
    is_away: bool = False
    users: int = 0
    retry_in: float = 0.0
    trouble: str | None = None

    @property
    def shown_name(self) -> str:
        """What users are told."""
        return self.card.name if self.card else self.name

    @property
    def names(self) -> set[str]:
        """What jobs may remember it as."""
        return {self.name, self.shown_name}

    @property
    def takes_jobs(self) -> bool:
        """Whether a job of it can begin at once."""
        return self.state == "open" and not self.is_away
