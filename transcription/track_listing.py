"""What ffmpeg lists of a file: its format, where its clock begins, its tracks and their names.

Read from the lines that ffmpeg prints about an input. A tag cannot pass for one of them: values are
indented, and their line breaks with them. Decides nothing: `sound_look` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TITLE = 40
_INPUT = re.compile(r"^Input #0, (\S+), from ", re.MULTILINE)
_END = re.compile(r"^(Output #0, |Stream mapping:)", re.MULTILINE)
_LENGTH = re.compile(r"^  Duration: ([\d:.]+|N/A)(?:, start: (-?[\d.]+))?", re.MULTILINE)
_STREAM = re.compile(
    r"^  Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\((\w+)\))?: (\w+): (.*)$", re.MULTILINE
)
_START = re.compile(r", start (-?[\d.]+)")
_RATE = re.compile(r", \d+ Hz, (?!0 channels)")
_TITLE = re.compile(r"^ {6}title +: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ListedTrack:
    """An audio track: its number among them, from 1, and what it says of itself.

    `start`: seconds on the file's clock, None if that is where the file begins. `begins`: whether
    it is more than an announcement, so that its rate and channels are known.
    """

    number: int
    start: float | None
    is_default: bool
    language: str | None
    title: str | None
    begins: bool = True

    @property
    def name(self) -> str:
        """For people: its number and what is known of it."""
        about = ", ".join(filter(None, (self.language, self.title)))
        return f"{self.number} ({about})" if about else str(self.number)


@dataclass(frozen=True, slots=True)
class Listing:
    """`start`: seconds at which the first track of any kind begins; `duration` None: not known."""

    format: str
    start: float
    duration: float | None
    tracks: tuple[ListedTrack, ...]
    has_video: bool


def read_listing(text: str) -> Listing | None:
    """What ffmpeg said of its only input; None if it never came so far."""
    begin = _INPUT.search(text)
    if begin is None:
        return None
    end = _END.search(text, begin.end())
    listed = text[begin.start() : end.start() if end else len(text)]
    length = _LENGTH.search(listed)
    streams = {int(found[1]): found for found in _STREAM.finditer(listed)}
    ordered = [streams[index] for index in sorted(streams)]
    audio = [found for found in ordered if found[3] == "Audio"]
    return Listing(
        format=begin[1],
        start=float(length[2]) if length and length[2] else 0.0,
        duration=_seconds(length[1]) if length and length[1] != "N/A" else None,
        tracks=tuple(_track(number, found, listed) for number, found in enumerate(audio, 1)),
        has_video=any(
            found[3] == "Video" and "(attached pic)" not in found[4] for found in ordered
        ),
    )


def _track(number: int, found: re.Match[str], listed: str) -> ListedTrack:
    start = _START.search(found[4])
    following = _STREAM.search(listed, found.end())
    tags = listed[found.end() : following.start() if following else len(listed)]
    title = _TITLE.search(tags)
    language = found[2] if found[2] != "und" else None
    return ListedTrack(
        number=number,
        start=float(start[1]) if start else None,
        is_default="(default)" in found[4],
        language=language,
        title=_printable(title[1]) if title else None,
        begins=_RATE.search(found[4]) is not None,
    )


def _printable(title: str) -> str | None:
    return "".join(filter(str.isprintable, title)).strip()[:MAX_TITLE] or None


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
