"""What can go wrong in decoding.

DecodingError
├── ModelNotFound      no such name or path; the message says what may be given
│   └── ModelUnavailable   an official one that could not be fetched now; another time it may
├── ModelUnreadable    the file is there but is not a Whisper checkpoint we read
├── UnsupportedOption  this model cannot do what the options ask
├── QueueFull          try again later
├── NotFinite          the model gave no numbers for the clip: its precision overflowed
└── EngineFailed       the device or its process died and the clip could not be decoded
    ├── DoesNotFit     the device has not enough free memory for the model
    ├── EngineAway     no engine can be had now; it is being started again: come back
    ├── ReplicaLost    one of several engines failed with the clip in hand; others go on
    └── PoisonClip     the engine died of this clip's recording, or stood still at it, twice
"""


class DecodingError(Exception):
    """Root of the tree above."""


class ModelNotFound(DecodingError):
    """The name or path names no model, or it cannot be had."""


class ModelUnavailable(ModelNotFound):
    """The weights could not be fetched; what stood in the way may pass."""


class ModelUnreadable(DecodingError):
    """The file is not a checkpoint that can be loaded."""


class UnsupportedOption(DecodingError):
    """The loaded model cannot honour an option."""


class QueueFull(DecodingError):
    """The engine's bounded queue holds no more clips."""


class NotFinite(DecodingError):
    """What the model computed for the clip is not a number, so there is no text to trust."""


class EngineFailed(DecodingError):
    """The device failed for good on this clip."""


class DoesNotFit(EngineFailed):
    """The model needs more memory than is free on its device now."""


class EngineAway(EngineFailed):
    """The engine died too often in a row; it is tried again with longer and longer pauses."""


class ReplicaLost(EngineFailed):
    """The engine that had the clip failed or is gone; another try may go to another one."""


class PoisonClip(EngineFailed):
    """Two processes in a row ended at this recording, the second with nothing else in hand."""
