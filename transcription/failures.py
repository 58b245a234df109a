"""What is told of a recording that could not be transcribed: a stable code, a sentence.

Never a path or a stack. What passes (an engine that is away, a full disk) is no failure of a
recording, and whoever runs many decides about that.
"""

from __future__ import annotations

from typing import NamedTuple

from decoding.errors import DecodingError, NotFinite, PoisonClip, QueueFull, UnsupportedOption
from transcription.errors import TranscriptionError


class Reason(NamedTuple):
    """`code` is the stable name that users and clients see."""

    code: str
    message: str


POISON = Reason(
    "recording_stops_engine", "The engine stopped twice at this recording, and at nothing else."
)


def reason_of(error: BaseException) -> Reason | None:
    """The reason that this error of the pipeline or an engine is; None for another error."""
    match error:
        case TranscriptionError():
            return Reason(error.code, str(error))
        case UnsupportedOption():
            return Reason("unsupported_option", str(error))
        case QueueFull():
            return Reason("engine_busy", "The engine was too busy for too long.")
        case PoisonClip():
            return POISON
        case NotFinite():
            message = "The model's numbers overflow on this recording: its precision is too low."
            return Reason("numbers_overflowed", message)
        case DecodingError():
            return Reason("engine_failed", "The engine could not decode this.")
    return None
