"""One track of a file, decoded to 16 kHz on the clock of a player: every sample at its time.

What a player shows as a gap is silence here. Where ffmpeg gives up in the middle of a damaged file,
it is started again behind the damage. What the samples are written to is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.types import SAMPLE_RATE
from transcription.decoder_runs import Runs, finish, read_pieces, undecodable
from transcription.downmix import Downmix
from transcription.errors import CorruptAudio
from transcription.ffmpeg import ChildLimits, Outcome
from transcription.player_clock import MOST_GAP, PlayerClock, most_silence
from transcription.sound_look import Look, Sound
from transcription.timed_blocks import MUXER, NotBlocks, TimedBlocks
from transcription.types import BYTES_PER_SAMPLE

DAMAGE = re.compile(
    r"Invalid data found|Error submitting|Error during demuxing|[Dd]ecoding error|partial file"
    r"|[Cc]orrupt|CRC mismatch|Packet mismatch|exceeds containing master|EBML number|asf bad header"
)
# Formats that say when a block is due, or whose bytes stand for a time; in others damage closes up.
WITH_TIMES = frozenset(
    (
        *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "mpeg", "asf", "flv", "ogg"),
        *("flac", "wav", "w64", "aiff", "au", "caf"),
    )
)
# Formats in whose middle ffmpeg may give up, and can find a time again.
SEARCHABLE = frozenset(("ogg", "asf"))
MOST_RESTARTS = 48
FIRST_STEP = 1.0  # seconds; doubled until there is sound again
WAV_PACKET_BYTES = 1 << 15
SILENCE_PIECE = 60 * SAMPLE_RATE
SHORT_BY = 2.0  # seconds that a file may lack of what it claims before that is worth a word

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Order:
    """Which track is decoded, to how many channels, and what a run may take."""

    sound: Sound
    channels: int
    limits: ChildLimits


class TrackDecoder:
    """Iterate `blocks` once; `warnings` stand when it has ended."""

    def __init__(self, runs: Runs, look: Look, order: Order) -> None:
        self._runs = runs
        self._look = look
        self._order = order
        self._downmix = Downmix() if order.channels == 1 and order.sound.is_stereo else None
        self._decoded_channels = 2 if self._downmix else order.channels
        self._clock = PlayerClock(most_silence(runs.source.stat().st_size), order.sound.lead)
        self._is_damaged = False
        self._complained_at: float | None = None

    def blocks(self) -> Iterator[Samples]:
        """Blocks of int16, shape (channels, n); raises the errors of `transcription.errors`."""
        for block in self._decoded():
            yield self._downmix.mix(block) if self._downmix else block
        if self._downmix:
            yield self._downmix.mix(np.zeros((2, 0), np.int16), is_last=True)

    def warnings(self) -> list[str]:
        """What was odd about the sound."""
        mixed = self._downmix.warnings() if self._downmix else []
        damage = self._damage() if self._is_damaged else []
        return [*damage, *self._shortness(), *self._clock.warnings(), *mixed]

    def _damage(self) -> list[str]:
        places = [gap.start for gap in self._clock.gaps]
        if self._complained_at is not None:
            places.append(self._complained_at)
        has_times = self._look.format in WITH_TIMES
        follows = "what follows is in its place" if has_times else "times after that may be early"
        return [
            f"Parts of the file are damaged, the first about {min(places, default=0.0):.0f} s into "
            f"it; some sound may be missing, {follows}."
        ]

    def _shortness(self) -> list[str]:
        claimed, found = self._look.duration or 0.0, self._clock.seconds
        is_measured = self._look.format in WITH_TIMES or self._look.format == "avi"
        if not is_measured or self._look.has_video or claimed < found + SHORT_BY:
            return []
        return [
            f"The file says that it is {claimed:.1f} s long, and {found:.1f} s of sound were "
            "found; some may be missing."
        ]

    def _decoded(self) -> Iterator[Samples]:
        """Blocks of the decoded channels, those behind damage too."""
        outcome = yield from self._run()
        if outcome.status != 0:
            raise undecodable(outcome)
        step, reached = FIRST_STEP, self._clock.seconds
        for _ in range(MOST_RESTARTS):
            if not self._has_more(reached + step):
                break
            self._clock.restart(reached + step)
            yield from self._run(("-ss", f"{reached + step:.3f}"))
            step *= 2
            if self._clock.seconds > reached:
                step, reached = FIRST_STEP, self._clock.seconds

    def _has_more(self, start: float) -> bool:
        """Whether there may be sound from there on, behind what ffmpeg gave up at."""
        is_searchable = self._is_damaged and self._look.format in SEARCHABLE
        return is_searchable and start < (self._look.duration or 0.0)

    def _run(self, before: tuple[str, ...] = ()) -> Generator[Samples, None, Outcome]:
        """One run of ffmpeg to its end; returns how it ended."""
        arguments = _arguments(self._order.sound, self._decoded_channels)
        given = (*before, "-dts_delta_threshold", str(MOST_GAP), *self._packets())
        blocks = TimedBlocks()
        with self._runs.start(arguments, self._order.limits, before=given) as child:
            for piece in read_pieces(child):
                try:
                    found = blocks.feed(piece)
                except NotBlocks as error:
                    raise CorruptAudio("The audio is damaged and could not be decoded.") from error
                yield from self._placed(found)
                if child.has_complained and self._complained_at is None:
                    self._complained_at = self._clock.seconds
            outcome = finish(child, self._order.limits)
        self._is_damaged |= DAMAGE.search(outcome.complaints) is not None
        return outcome

    def _packets(self) -> tuple[str, ...]:
        """In how large pieces the file is read, where that is ours to say: each costs."""
        is_plain_wav = self._look.format == "wav" and self._order.sound.codec.startswith("pcm_")
        return ("-max_size", str(WAV_PACKET_BYTES)) if is_plain_wav else ()

    def _placed(self, blocks: list[tuple[int, bytes]]) -> Iterator[Samples]:
        """The samples of `blocks`, and silence where one is due later than those before it end."""
        frame_bytes = BYTES_PER_SAMPLE * self._decoded_channels
        joined: list[bytes] = []
        for due, sound in blocks:
            silence = self._clock.place(due, len(sound) // frame_bytes)
            if silence:
                yield from self._samples(joined)
                yield from self._silence(silence)
                joined = []
            joined.append(sound)
        yield from self._samples(joined)

    def _samples(self, sounds: list[bytes]) -> Iterator[Samples]:
        if sounds:
            flat = np.frombuffer(b"".join(sounds), dtype="<i2").astype(np.int16, copy=False)
            yield flat.reshape(-1, self._decoded_channels).T

    def _silence(self, samples: int) -> Iterator[Samples]:
        for start in range(0, samples, SILENCE_PIECE):
            piece = min(SILENCE_PIECE, samples - start)
            yield np.zeros((self._decoded_channels, piece), np.int16)


def _arguments(sound: Sound, channels: int) -> tuple[str, ...]:
    """Options that decode a track to `channels` interleaved channels at 16 kHz, with times."""
    # pan by position leaves the channels as they are; -ac would remix unknown layouts
    pan = f"pan={channels}c|" + "|".join(f"c{channel}=c{channel}" for channel in range(channels))
    is_plain = channels == 1 or (channels == 2 and sound.is_stereo)
    shape = ("-ac", str(channels)) if is_plain else ("-af", pan)
    rate = ("-ar", str(SAMPLE_RATE))
    whole_buffers = ("-flush_packets", "0")  # or every packet of 20 ms is a write, and a read
    only_sound = ("-vn", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1")
    track = ("-map", f"0:a:{sound.index}", "-threads", "1")
    return (*track, *only_sound, *shape, *rate, *whole_buffers, "-f", MUXER)
