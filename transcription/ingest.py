"""Sound onto disk and both detectors over it, at the same time.

ffmpeg decodes in its own process while the stretches that are complete are searched for speech
here.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

from transcription import noise
from transcription.audio import AudioLimits, AudioStream
from transcription.audio_cache import find_cached, keep_cached, key_of
from transcription.options import TranscriptionOptions
from transcription.silero import speech_probabilities
from transcription.speech import SpeechDetector
from transcription.types import IngestedAudio, VoiceActivityDetector


def ingest(
    source: Path,
    workspace: Path,
    options: TranscriptionOptions,
    limits: AudioLimits,
    ingested: Callable[[float], None] = lambda _seconds: None,
    vad: VoiceActivityDetector = speech_probabilities,
) -> IngestedAudio:
    """Decode `source` into `workspace` and find its speech; raises transcription/errors.py.

    At once if an earlier call did so there. `ingested` is told how far it is; what it raises ends
    the work and leaves nothing. `vad` runs Silero's model; what it raises ends the work too.
    """
    key = key_of(source, options, limits)
    if (kept := find_cached(workspace, key)) is not None:
        return kept
    chosen = AudioStream(
        source,
        workspace,
        limits=limits,
        channels=options.channels,
        audio_track=options.audio_track,
    )
    with chosen as stream:
        detectors = [SpeechDetector(options.speech, vad=vad) for _ in stream.so_far]
        for _ in stream:
            for detector, recording in zip(detectors, stream.so_far, strict=True):
                detector.advance(recording)
            ingested(max(recording.duration for recording in stream.so_far))
        recordings, warnings = stream.recordings, stream.warnings
    pairs = zip(recordings, detectors, strict=True)
    detected = tuple((recording, detector.finish(recording)) for recording, detector in pairs)
    masked = tuple(chain.from_iterable(noise.warnings_of(*one) for one in detected))
    sound = IngestedAudio(detected, (*warnings, *masked))
    keep_cached(workspace, key, sound)
    return sound
