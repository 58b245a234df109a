"""Several channels, each transcribed by itself, become one transcript on one clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from chunking.types import Coverage, Segment
from transcription.types import Transcript


def interleave(tracks: Sequence[Transcript], channels: Sequence[int | None]) -> Transcript:
    """Segments of all tracks in order of their start, labelled with their channel.

    Words follow their segments; (channel, window, index) stays unique. Coverage adds up. The
    language is that of most words, of whichever track; that of the first where nothing is said.
    """
    if len(tracks) == 1:
        return tracks[0]
    labelled = [
        replace(segment, channel=channel)
        for track, channel in zip(tracks, channels, strict=True)
        for segment in track.segments
    ]
    labelled.sort(key=lambda segment: (segment.start, segment.channel or 0))
    segments = tuple(replace(segment, id=number) for number, segment in enumerate(labelled))
    return replace(
        tracks[0],
        language=_most_spoken(segments) or tracks[0].language,
        duration=max(track.duration for track in tracks),
        segments=segments,
        coverage=_added_up([track.coverage for track in tracks]),
        windows=sum(track.windows for track in tracks),
    )


def _most_spoken(segments: Sequence[Segment]) -> str | None:
    votes: Counter[str] = Counter()
    for segment in segments:
        votes[segment.language] += len(segment.words)
    return votes.most_common(1)[0][0] if votes.total() else None


def _added_up(parts: Sequence[Coverage]) -> Coverage:
    return Coverage(
        speech_seconds=sum(part.speech_seconds for part in parts),
        uncovered_seconds=sum(part.uncovered_seconds for part in parts),
        uncovered=tuple(sorted(span for part in parts for span in part.uncovered)),
        doubtful=tuple(sorted(span for part in parts for span in part.doubtful)),
        seams=tuple(seam for part in parts for seam in part.seams),
        redecoded=tuple(entry for part in parts for entry in part.redecoded),
        truncated=tuple(sorted(span for part in parts for span in part.truncated)),
    )
