"""The whole story: a file of sound in, a transcript out.

    source ─Ingest─▶ Track ─read_on─▶ Plan
    Plan ─decode_windows─▶ [Piece] ─Merger─▶ [Word] ─SegmentBuilder─▶ [Segment] ─▶ Transcript

Knows neither HTTP nor a database: whoever wants checkpoints passes a `WindowDecoder` that keeps
them. Given the same file and options it asks for the same windows in the same order, always.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chunking.audit.coverage import audit, drop_invented
from chunking.merging.merger import Merger
from chunking.plan import empty_plan
from chunking.text.segments import SegmentBuilder
from transcription.channels import interleave
from transcription.in_flight import decode_windows
from transcription.ingest import Ingest, Track
from transcription.language import most_spoken, settle_language
from transcription.options import TranscriptionOptions
from transcription.progress import Progress
from transcription.reader import Reader, ThreadReader
from transcription.repairs import Repairs
from transcription.scripts import in_script
from transcription.types import Observer, Transcript, WindowDecoder


def transcribe(
    source: Path,
    options: TranscriptionOptions,
    windows: WindowDecoder,
    *,
    workspace: Path,
    observer: Observer | None = None,
    reader: Reader | None = None,
) -> Transcript:
    """Transcribe the sound of `source`; decoded samples are kept in the folder `workspace`.

    Without a `reader` the file is read in a thread of ours, within the default limits.

    A second run in the same workspace, after a crash, neither decodes the file nor looks for speech
    again if the first had read all of it. Raises the errors of transcription/errors.py for the file
    and the options, those of decoding/errors.py for the engine, and `CancelledError` when its
    windows were cancelled.
    """
    progress = Progress(observer)
    reader = reader or ThreadReader()
    with Ingest(source, workspace, options, reader, progress.ingested, windows.vad) as sound:
        tracks = sound.tracks()
        transcripts = [transcribe_track(track, options, windows, progress) for track in tracks]
        transcript = interleave(transcripts, [track.recording.channel for track in tracks])
        return replace(transcript, warnings=sound.whole().warnings)


def transcribe_track(
    track: Track, options: TranscriptionOptions, windows: WindowDecoder, progress: Progress
) -> Transcript:
    """One channel of sound, from samples to transcript."""
    # 1. Where do windows lie? In what has been read so far; more follows while they are decoded.
    skip_silence = options.speech.skip_silence
    plan = empty_plan(options.planning, skip_silence=skip_silence)
    merger = Merger(options=options.merge, duration=0.0, is_whole=False)

    def know_more() -> None:
        heard = track.detected
        agreed = heard.agreed if skip_silence else None
        plan.extend(heard.speech, track.seconds, is_whole=track.is_whole, agreed=agreed)
        merger.listen(heard.evidence, agreed, track.seconds)
        merger.extend(plan.windows, is_whole=plan.is_whole)
        if track.is_whole:
            progress.measured(track.seconds, len(plan.grid))

    progress.track(track.channel)
    track.when_read = know_more
    track.read_on()

    # 2. In which language?
    settled = settle_language(track, plan, windows, options)
    options = settled.options

    # 3. Decode and merge; decode again where windows disagree, where one was cut short, where
    #    nobody heard speech; let go of what can no longer change.
    builder = SegmentBuilder(options.segments)
    repairs = Repairs(merger, progress)
    is_guarded = options.speech.drops_invented
    pieces = decode_windows(track, plan, windows, options, repairs, opening=settled.opening)
    for piece in pieces:
        progress.decoded(plan.seconds_heard)
        credible = drop_invented(piece, track.anything) if is_guarded else piece
        merger.extend(plan.windows, is_whole=plan.is_whole)
        final = builder.add(merger.add(credible), merger.pieces)
        progress.segments(in_script(final, options.script))

    # 4. Close the books.
    progress.settle()
    merged = merger.finish()
    detected, duration = track.detected, track.recording.duration
    certain = detected.unpadded(options.speech.pad) if skip_silence else None
    coverage = audit(merged, merger.pieces, detected.evidence, duration, certain=certain)
    progress.segments(in_script(builder.finish(merged.words, merger.pieces), options.script))
    return Transcript(
        language=most_spoken(merger.pieces.values()),
        duration=duration,
        segments=in_script(builder.segments, options.script),
        coverage=coverage,
        windows=len(merger.pieces),
        model=windows.model.name,
        task=options.decoding.task,
    )
