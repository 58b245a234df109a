"""SubRip (.srt) and WebVTT (.vtt): cues with times."""

from __future__ import annotations

import html
import re

from benchmarks.formats.types import Utterance

_TIMES = re.compile(
    r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
)
_TAGS = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


def parse_subtitles(text: str, recording: str = "") -> tuple[Utterance, ...]:
    """Cues in file order, without styling. Notes, styles and cue numbers are left out."""
    cues = []
    for block in re.split(r"\n[ \t]*\n", text.lstrip("\ufeff").replace("\r\n", "\n")):
        lines = block.split("\n")
        times = next((i for i, line in enumerate(lines) if _TIMES.match(line.strip())), None)
        if times is None:
            continue
        match = _TIMES.match(lines[times].strip())
        assert match is not None
        words = html.unescape(_TAGS.sub("", " ".join(lines[times + 1 :])))
        start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
        cues.append(Utterance(recording, start, max(start, end), " ".join(words.split())))
    return tuple(cues)


def _seconds(fields: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = fields
    assert minutes is not None
    assert seconds is not None
    assert fraction is not None
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(f"{seconds}.{fraction}")
