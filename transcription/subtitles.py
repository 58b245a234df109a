"""Subtitles: SubRip, WebVTT and openai-whisper's tab-separated table.

How a transcript falls into cues is decided in `chunking.text.cues`; here they are only written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chunking.options import CueOptions
from chunking.text.cues import to_cues
from transcription.documents import speaker
from transcription.types import Transcript

MILLISECONDS = 1000
ARROW = "-->"


@dataclass(frozen=True, slots=True)
class _Line:
    """A cue ready to write: whole milliseconds, `end` after `start`, text that is not blank."""

    start: int
    end: int
    text: str
    channel: int | None


def to_srt(transcript: Transcript, options: CueOptions | None = None) -> Iterator[str]:
    """SubRip, cue by cue: numbered from 1, a comma before the milliseconds."""
    for number, line in enumerate(_lines(transcript, options), start=1):
        label = "" if line.channel is None else f"{speaker(line.channel)}: "
        times = f"{_clock(line.start, ',')} --> {_clock(line.end, ',')}"
        blank = "\n" if number > 1 else ""
        yield f"{blank}{number}\n{times}\n{label}{line.text.replace(ARROW, '->')}\n"


def to_vtt(transcript: Transcript, options: CueOptions | None = None) -> Iterator[str]:
    """WebVTT, cue by cue: markup in the text escaped, channels as voices."""
    yield "WEBVTT\n"
    for line in _lines(transcript, options):
        voice = "" if line.channel is None else f"<v {speaker(line.channel)}>"
        times = f"{_clock(line.start, '.')} --> {_clock(line.end, '.')}"
        text = line.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        yield f"\n{times}\n{voice}{text}\n"


def to_tsv(transcript: Transcript) -> Iterator[str]:
    """One segment a line: start and end in whole milliseconds, text."""
    yield "start\tend\ttext\n"
    for segment in transcript.segments:
        text = " ".join(segment.text.split())
        yield f"{_milliseconds(segment.start)}\t{_milliseconds(segment.end)}\t{text}\n"


def _lines(transcript: Transcript, options: CueOptions | None) -> Iterator[_Line]:
    for cue in to_cues(transcript.segments, options):
        text = _without_blank_lines(cue.text)
        start = _milliseconds(cue.start)
        if text:
            yield _Line(start, max(_milliseconds(cue.end), start + 1), text, cue.channel)


def _without_blank_lines(text: str) -> str:
    """A blank line would end the cue."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _milliseconds(seconds: float) -> int:
    return round(seconds * MILLISECONDS)


def _clock(milliseconds: int, mark: str) -> str:
    """HH:MM:SS and milliseconds after `mark`; hours go on past 99."""
    seconds, rest = divmod(milliseconds, MILLISECONDS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{rest:03d}"
