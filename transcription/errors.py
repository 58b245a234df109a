"""What can go wrong between a file and its transcript.

TranscriptionError         .code is the stable name that users and clients see
├── UnreadableAudio        the bytes are not sound that we read
│   ├── EmptyFile          empty_file
│   ├── UnsupportedMedia   unsupported_media
│   ├── NoAudioTrack       no_audio_track
│   ├── InvalidParameters  invalid_audio_parameters
│   ├── EncryptedAudio     encrypted_audio
│   └── CorruptAudio       corrupt_audio
├── AudioTooLong           audio_too_long
├── UnsupportedRequest     unsupported_option: this model or recording cannot do that
├── AudioUnavailable       audio_unavailable: it could not be fetched from where it is said to be
│   └── AudioNotFound      audio_not_found: nothing is there
├── DecoderFailed          decoder_failed: ffmpeg is missing or was killed; not the file's fault
└── Cancelled              cancelled
"""

import errno
from typing import Final

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What an `OSError` says where there is no room; there may be another time."""


class TranscriptionError(Exception):
    """Root of the tree above; the message is fit for the user's eyes (no path, no stack)."""

    code = "transcription_failed"


class UnreadableAudio(TranscriptionError):
    code = "unsupported_media"


class EmptyFile(UnreadableAudio):
    code = "empty_file"


class UnsupportedMedia(UnreadableAudio):
    code = "unsupported_media"


class NoAudioTrack(UnreadableAudio):
    code = "no_audio_track"


class InvalidParameters(UnreadableAudio):
    code = "invalid_audio_parameters"


class EncryptedAudio(UnreadableAudio):
    code = "encrypted_audio"


class CorruptAudio(UnreadableAudio):
    code = "corrupt_audio"


class AudioTooLong(TranscriptionError):
    code = "audio_too_long"


class AudioUnavailable(TranscriptionError):
    code = "audio_unavailable"


class AudioNotFound(AudioUnavailable):
    code = "audio_not_found"


class UnsupportedRequest(TranscriptionError):
    code = "unsupported_option"


class DecoderFailed(TranscriptionError):
    code = "decoder_failed"


class Cancelled(TranscriptionError):
    code = "cancelled"
