"""The whole story: a file of sound in, a transcript out.

    source ─ingest─▶ Recording, DetectedSpeech ─plan_for─▶ Plan
    Plan ─decode_windows─▶ [Piece] ─Merger─▶ [Word] ─SegmentBuilder─▶ [Segment] ─▶ Transcript

Knows neither HTTP nor a database: whoever wants checkpoints passes a `WindowDecoder` that keeps
them. Given the same file and options it asks for the same windows in the same order, always.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chunking.audit.coverage import audit, drop_invented
from chunking.merging.merger import Merger
from chunking.plan import plan_for
from chunking.text.segments import SegmentBuilder
from transcription.audio import AudioLimits
from transcription.channels import interleave
from transcription.in_flight import decode_windows
from transcription.ingest import ingest
from transcription.language import most_spoken, settle_language
from transcription.options import TranscriptionOptions
from transcription.progress import Progress
from transcription.repairs import Repairs
from transcription.scripts import in_script
from transcription.types import DetectedSpeech, Observer, Recording, Transcript, WindowDecoder


def transcribe(
    source: Path,
    options: TranscriptionOptions,
    windows: WindowDecoder,
    *,
    workspace: Path,
    observer: Observer | None = None,
    limits: AudioLimits | None = None,
) -> Transcript:
    """Transcribe the sound of `source`; decoded samples are kept in the folder `workspace`.

    A second run in the same workspace, after a crash, neither decodes the file nor looks for speech
    again. Raises the errors of transcription/errors.py for the file and the options, those of
    decoding/errors.py for the engine, and `CancelledError` when its windows were cancelled.
    """
    progress = Progress(observer)
    sound = ingest(
        source, workspace, options, limits or AudioLimits(), progress.ingested, windows.vad
    )
    tracks = [
        transcribe_recording(recording, detected, options, windows, progress)
        for recording, detected in sound.channels
    ]
    transcript = interleave(tracks, [recording.channel for recording, _ in sound.channels])
    return replace(transcript, warnings=sound.warnings)


def transcribe_recording(
    recording: Recording,
    detected: DetectedSpeech,
    options: TranscriptionOptions,
    windows: WindowDecoder,
    progress: Progress,
) -> Transcript:
    """One channel of sound, from samples to transcript."""
    # 1. Where do windows lie?
    skip_silence = options.speech.skip_silence
    plan = plan_for(
        detected.speech, recording.duration, options.planning, skip_silence=skip_silence
    )
    progress.track(recording.duration, len(plan.grid), recording.channel)

    # 2. In which language?
    settled = settle_language(recording, plan, windows, options)
    options = settled.options

    # 3. Decode and merge; decode again where windows disagree, where one was cut short, where
    #    nobody heard speech; let go of what can no longer change.
    merger = Merger(
        plan.windows,
        options=options.merge,
        evidence=detected.evidence,
        speech=detected.speech if skip_silence else None,
        duration=recording.duration,
        is_whole=plan.is_whole,
    )
    builder = SegmentBuilder(options.segments)
    repairs = Repairs(merger, progress)
    is_guarded = options.speech.drops_invented
    anything = detected.anything
    pieces = decode_windows(recording, plan, windows, options, repairs, opening=settled.opening)
    for piece in pieces:
        progress.decoded(plan.seconds_heard)
        credible = drop_invented(piece, anything) if is_guarded else piece
        merger.extend(plan.windows, is_whole=plan.is_whole)
        final = builder.add(merger.add(credible), merger.pieces)
        progress.segments(in_script(final, options.script))

    # 4. Close the books.
    progress.settle()
    merged = merger.finish()
    certain = detected.unpadded(options.speech.pad) if skip_silence else None
    coverage = audit(merged, merger.pieces, detected.evidence, recording.duration, certain=certain)
    progress.segments(in_script(builder.finish(merged.words, merger.pieces), options.script))
    return Transcript(
        language=most_spoken(merger.pieces.values()),
        duration=recording.duration,
        segments=in_script(builder.segments, options.script),
        coverage=coverage,
        windows=len(merger.pieces),
        model=windows.model.name,
        task=options.decoding.task,
    )
