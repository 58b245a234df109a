"""Runs of ffmpeg over one file, and what their ends mean to us.

A child that was told to end, or never started, is our fault; one that takes too long is the file's.
"""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from transcription.errors import (
    NO_ROOM,
    CorruptAudio,
    DecoderFailed,
    UnreadableAudio,
    UnsupportedMedia,
)
from transcription.ffmpeg import GUARDS, Child, ChildLimits, ChildStuck, Outcome

log = logging.getLogger(__name__)

MAX_LOOK_BYTES = 1 << 20
FAR = 64 << 20
FAR_MICROSECONDS = 10 * 60 * 1_000_000
PIECE_BYTES = 1 << 17  # a pipe gives less at once; in larger ones memory comes from the system anew
SIGNALS_FROM_OUTSIDE = (-1, -2, -9, -15)
TOLD_TO_END = 255  # what ffmpeg makes of such a signal where it can; it has no complaint then
COMMANDS_NOT_STARTED = (126, 127)
NOT_RUN = "The audio decoder could not run to its end; try again."
TOO_LONG = "The audio took too long to decode."
# That a codec is not on our list is also said of pictures that nobody wanted to decode.
UNREAD_CODEC = re.compile(r"no decoder found|Error while opening decoder")


@dataclass(frozen=True, slots=True)
class Runs:
    """`cage` is the empty folder in which ffmpeg runs, `source` the one file that it is given.

    `looks_far`: tracks that begin within the first `FAR` bytes are found, not only early ones.
    """

    ffmpeg: Path
    source: Path
    cage: Path
    looks_far: bool = False

    def start(
        self,
        arguments: tuple[str, ...],
        limits: ChildLimits,
        *,
        before: tuple[str, ...] = (),
        level: str = "error",
    ) -> Child:
        """Run ffmpeg on the file; `before` are options of the input, `arguments` of the output."""
        far = ("-probesize", str(FAR), "-analyzeduration", str(FAR_MICROSECONDS))
        reading = (*far, *before) if self.looks_far else before
        given = (*GUARDS, *reading, "-i", f"file:{self.source}", *arguments, "pipe:1")
        try:
            return Child(self.ffmpeg, given, self.cage, limits, level)
        except OSError as error:  # no process, no memory, no descriptor to be had
            if error.errno in NO_ROOM:
                raise
            raise DecoderFailed(NOT_RUN) from error

    def short(
        self,
        arguments: tuple[str, ...],
        limits: ChildLimits,
        *,
        before: tuple[str, ...] = (),
        level: str = "error",
    ) -> tuple[bytes, Outcome]:
        """A run whose output is small, to its end."""
        output = b""
        with self.start(arguments, limits, before=before, level=level) as child:
            while (chunk := read(child)) and len(output) < MAX_LOOK_BYTES:
                output += chunk
            return output, finish(child, limits)


def read(child: Child) -> bytes:
    try:
        return child.read()
    except ChildStuck as error:
        raise CorruptAudio(TOO_LONG) from error


def read_pieces(child: Child) -> Iterator[bytes]:
    """All its output, in pieces of about `PIECE_BYTES`. The first complaint ends one, if need be an
    empty one, before the output that may be behind it."""
    kept: list[bytes] = []
    size, had_complained = 0, child.has_complained
    while chunk := read(child):
        is_news = child.has_complained and not had_complained
        if is_news or (kept and size + len(chunk) > PIECE_BYTES):
            yield b"".join(kept)
            kept, size = [], 0
        had_complained = child.has_complained
        kept.append(chunk)
        size += len(chunk)
    if kept:
        yield b"".join(kept)


def finish(child: Child, limits: ChildLimits) -> Outcome:
    """How it ended; raises DecoderFailed if that is not the file's fault."""
    try:
        outcome = child.finish()
    except ChildStuck as error:
        raise CorruptAudio(TOO_LONG) from error
    if outcome.complaints:
        log.debug("ffmpeg ended with %d: %r", outcome.status, outcome.complaints)
    if outcome.status == -signal.SIGKILL and limits.is_spent(outcome):
        raise CorruptAudio(TOO_LONG)
    is_told = outcome.status == TOLD_TO_END and not outcome.complaints
    if is_told or outcome.status in (*SIGNALS_FROM_OUTSIDE, *COMMANDS_NOT_STARTED):
        raise DecoderFailed(NOT_RUN)
    return outcome


def undecodable(outcome: Outcome) -> UnreadableAudio:
    """Why the decoding failed: not our kind of sound, or damaged."""
    if UNREAD_CODEC.search(outcome.complaints):
        return UnsupportedMedia("The sound is coded in a way that we do not read.")
    return CorruptAudio("The audio is damaged and could not be decoded.")
