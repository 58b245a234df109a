"""Sound onto disk and both detectors over it, at the same time.

ffmpeg decodes in its own process while the stretches that are complete are listened to here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from transcription.audio import AudioLimits, AudioStream
from transcription.audio_cache import find_sound, keep_sound, key_of
from transcription.options import TranscriptionOptions
from transcription.silero import speech_probabilities
from transcription.speech import SpeechListener
from transcription.types import Ear, Sound


def listen(
    source: Path,
    workspace: Path,
    options: TranscriptionOptions,
    limits: AudioLimits,
    listened: Callable[[float], None] = lambda _seconds: None,
    ear: Ear = speech_probabilities,
) -> Sound:
    """Decode `source` into `workspace` and find its speech; raises transcription/errors.py.

    At once if an earlier call did so there. `listened` is told how far it is; what it raises ends
    the work and leaves nothing. `ear` runs Silero's model; what it raises ends the work too.
    """
    key = key_of(source, options, limits)
    if (kept := find_sound(workspace, key)) is not None:
        return kept
    with AudioStream(source, workspace, limits=limits, channels=options.channels) as stream:
        listeners = [SpeechListener(options.speech, ear=ear) for _ in stream.so_far]
        for _ in stream:
            for listener, recording in zip(listeners, stream.so_far, strict=True):
                listener.advance(recording)
            listened(stream.so_far[0].duration)
        recordings, warnings = stream.recordings, stream.warnings
    pairs = zip(recordings, listeners, strict=True)
    heard = tuple((recording, listener.finish(recording)) for recording, listener in pairs)
    sound = Sound(heard, warnings)
    keep_sound(workspace, key, sound)
    return sound
