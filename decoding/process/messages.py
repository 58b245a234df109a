"""What an engine process and its parent say to each other.

Parent to child: Request, Cancel, Ask, Stop. Child to parent: Ready or Refused once, then Answer
and Gauges. The samples are not in the messages, they lie in shared memory.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from decoding.errors import DecodingError, EngineAway, EngineFailed, PoisonClip, ReplicaLost
from decoding.types import Clip, Decoded, DecodingOptions, EngineStatistics, ModelCard


@dataclass(frozen=True, slots=True)
class Request:
    """One clip: a key to answer under, where its samples lie, and the clip without them."""

    key: int
    place: int
    length: int
    dtype: str
    clip: Clip
    options: DecodingOptions


@dataclass(frozen=True, slots=True)
class Cancel:
    group: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for `Gauges`; the ticket comes back with them."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Stop:
    pass


@dataclass(frozen=True, slots=True)
class Ready:
    card: ModelCard


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine could not be opened."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Answer:
    """`outcome` None: cancelled inside the engine."""

    key: int
    outcome: Decoded | Exception | None
    statistics: EngineStatistics


@dataclass(frozen=True, slots=True)
class Gauges:
    ticket: int
    statistics: EngineStatistics


def portable(error: BaseException) -> Exception:
    """The error itself if it survives the journey, else `EngineFailed` with its words."""
    if isinstance(error, Exception):
        try:
            copy = pickle.loads(pickle.dumps(error))
        except Exception:  # noqa: BLE001 - whatever a strange error raises, its words must travel
            copy = None
        if type(copy) is type(error) and str(copy) == str(error):
            return error
    return EngineFailed(f"{type(error).__name__}: {error}")


def is_fatal(error: BaseException) -> bool:
    """Whether the process that met this error cannot go on: its device is lost.

    Not when the engine is elsewhere: what tells of its death has not died.
    """
    if isinstance(error, DecodingError):
        is_elsewhere = isinstance(error, PoisonClip | EngineAway | ReplicaLost)
        return isinstance(error, EngineFailed) and not is_elsewhere
    return "CUDA error" in str(error) or "device-side assert" in str(error)
