"""From a stranger's file to samples on disk: 16 kHz mono s16le, one file per channel.

Two runs of ffmpeg: the first looks at the parameters without opening a decoder, the second
decodes. What a header says about length is never believed: bytes are counted as they come, and
success is an exit status of zero *and* at least one sample. Nothing is ever streamed into ffmpeg,
because an m4a with its index at the end cannot be read from a pipe.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import math
import re
import shutil
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from decoding.types import SAMPLE_RATE
from transcription.errors import (
    AudioTooLong,
    CorruptAudio,
    DecoderFailed,
    EmptyFile,
    EncryptedAudio,
    InvalidParameters,
    NoAudioTrack,
    TranscriptionError,
    UnreadableAudio,
    UnsupportedMedia,
    UnsupportedRequest,
)
from transcription.ffmpeg import (
    GUARDS,
    MAX_STREAMS,
    Child,
    ChildLimits,
    ChildStuck,
    Outcome,
    bundled_ffmpeg,
)
from transcription.options import Channels
from transcription.sniffing import (
    claimed_seconds,
    is_elsewhere,
    is_locked,
    is_pcm_without_bits,
    is_sound_container,
    is_wav_without_sound,
)
from transcription.types import BYTES_PER_SAMPLE, Recording

log = logging.getLogger(__name__)

HOUR = 3600.0
MEGABYTE = 1_000_000
MAX_LOOK_BYTES = 1 << 20
WAV_CHANNELS_OFFSET = 22
SIGNALS_FROM_OUTSIDE = (-1, -2, -9, -15)
TOLD_TO_END = 255  # what ffmpeg makes of such a signal where it can; it has no complaint then
COMMANDS_NOT_STARTED = (126, 127)
NOT_RUN = "The audio decoder could not run to its end; try again."
TOO_LONG = "The audio took too long to decode."
SENSELESS = re.compile(r"[Ii]nvalid (sample rate|channel|bits|block)|exp -?\d+ is out of range")
UNREAD_CODEC = re.compile(r"no decoder found|Codec \(\S+\) not on whitelist")
DAMAGE = re.compile(r"Invalid data found|Decoding error|partial file|[Cc]orrupt")


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What a file may be. `max_seconds` and `max_channels` bound what is decoded, not claimed.

    Decoding takes at most `decode_seconds` of the processor and `seconds_per_megabyte` of the file
    more: a small file that costs much is not speech.
    """

    max_seconds: float = 12 * HOUR
    min_sample_rate: int = 1_000
    max_sample_rate: int = 384_000
    max_channels: int = 32
    max_split_channels: int = 8
    look: ChildLimits = field(default_factory=lambda: ChildLimits(1 << 30, 20, 30.0, 30.0))
    decode: ChildLimits = field(default_factory=ChildLimits)
    decode_seconds: int = 60
    seconds_per_megabyte: int = 60

    def __post_init__(self) -> None:
        if not self.max_seconds > 0:
            raise ValueError(f"max_seconds must be above 0, got {self.max_seconds}")

    @property
    def max_samples(self) -> int:
        """The most samples per channel that are decoded."""
        return int(self.max_seconds * SAMPLE_RATE)

    def decode_of(self, file_bytes: int) -> ChildLimits:
        """What the decoding of a file of this size may take."""
        budget = self.decode_seconds + math.ceil(self.seconds_per_megabyte * file_bytes / MEGABYTE)
        return replace(self.decode, processor_seconds=min(self.decode.processor_seconds, budget))


@dataclass(frozen=True, slots=True)
class _Sound:
    """What the look found: codec, rate in hertz and the name of the channel layout."""

    codec: str
    sample_rate: int
    layout: str


class _ChannelFile:
    """The samples of one channel, growing on disk; counts and hashes what it writes."""

    def __init__(self, folder: Path, channel: int | None) -> None:
        self.path = folder / f"{uuid.uuid4().hex}.pcm"
        self.channel = channel
        self.samples = 0
        self._hash = hashlib.sha256()
        self._file: BinaryIO = self.path.open("xb", buffering=0)

    def write(self, samples: NDArray[np.int16]) -> None:
        encoded = samples.astype("<i2").tobytes()
        view = memoryview(encoded)
        while view:
            view = view[self._file.write(view) :]
        self._hash.update(encoded)
        self.samples += len(samples)

    def so_far(self) -> Recording:
        return Recording(self.path, self.samples, self._hash.hexdigest(), self.channel)

    def close(self) -> None:
        self._file.close()


class AudioStream:
    """Decodes a file while it is iterated; a context manager.

    Iterating gives blocks of int16, shape (channels, n), after they were written to disk, so that
    `so_far` can already be read. When the iteration has ended `recordings` and `warnings` stand.
    Leaving the context early, or by an error, ends ffmpeg and removes what was written. Open,
    iterate and close it in one thread (see `transcription.ffmpeg.Child`).

    Raises the errors of `transcription.errors` on opening (the look) and while iterating.
    """

    def __init__(
        self,
        source: Path,
        folder: Path,
        *,
        limits: AudioLimits | None = None,
        channels: Channels = "mix",
        ffmpeg: Path | None = None,
    ) -> None:
        self.warnings: tuple[str, ...] = ()
        self._source = source.absolute()
        self._limits = limits or AudioLimits()
        self._ffmpeg = ffmpeg or _bundled()
        self._is_complete = False
        self._cage = folder / f"{uuid.uuid4().hex}.empty"
        self._files: tuple[_ChannelFile, ...] = ()
        self._child: Child | None = None
        self._cage.mkdir(mode=0o700, parents=True)
        try:
            self._open(folder, channels)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def __iter__(self) -> Iterator[NDArray[np.int16]]:
        assert self._child is not None, "the stream is open"
        frame_bytes = BYTES_PER_SAMPLE * len(self._files)
        rest = b""
        while chunk := self._read(self._child):
            chunk = rest + chunk
            whole = len(chunk) - len(chunk) % frame_bytes
            rest = chunk[whole:]
            block = np.frombuffer(chunk[:whole], dtype="<i2").reshape(-1, len(self._files)).T
            self._write(block)
            yield block
        self._judge(self._finish(self._child, self._decode_limits))
        self._is_complete = True

    @property
    def so_far(self) -> tuple[Recording, ...]:
        """What is on disk now, one per channel; the digest is of these samples."""
        return tuple(file.so_far() for file in self._files)

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The whole sound, one per channel; only after the iteration has ended."""
        if not self._is_complete:
            raise ValueError("the recording is whole only after the stream was iterated to its end")
        return self.so_far

    def _open(self, folder: Path, channels: Channels) -> None:
        size = self._source.stat().st_size
        if size == 0:
            raise EmptyFile("The file is empty.")
        if (claimed_seconds(self._source) or 0.0) > self._limits.max_seconds:
            raise self._too_long()
        self._decode_limits = self._limits.decode_of(size)
        sound = self._look()
        self._check(sound)
        count = self._count_channels() if channels == "split" else 1
        names: tuple[int | None, ...] = (None,) if count == 1 else tuple(range(count))
        self._files = tuple(_ChannelFile(folder, name) for name in names)
        self._child = self._start(_decode_arguments(count), self._decode_limits)

    def _start(self, arguments: tuple[str, ...], limits: ChildLimits) -> Child:
        given = (*GUARDS, "-i", f"file:{self._source}", "-map", "0:a:0", *arguments, "pipe:1")
        try:
            return Child(self._ffmpeg, given, self._cage, limits)
        except OSError as error:  # no process, no memory, no descriptor to be had
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise DecoderFailed(NOT_RUN) from error

    def _run(self, arguments: tuple[str, ...]) -> tuple[bytes, Outcome]:
        """A short run whose output is small."""
        output = b""
        with self._start(arguments, self._limits.look) as child:
            while (chunk := self._read(child)) and len(output) < MAX_LOOK_BYTES:
                output += chunk
            return output, self._finish(child, self._limits.look)

    def _look(self) -> _Sound:
        """Codec, rate and layout of the first audio track; opens no decoder."""
        output, outcome = self._run(("-c", "copy", "-frames:a", "1", "-f", "framecrc"))
        if is_elsewhere(self._source):
            raise UnsupportedMedia("The file only refers to sound in another file; give that one.")
        text = output.decode("utf-8", "replace")
        if outcome.status != 0:
            raise self._refusal(outcome)
        if "Encryption info" in text or is_locked(self._source):
            raise EncryptedAudio("The audio is encrypted (DRM); give an unprotected file.")
        codec = re.search(r"^#codec_id 0: (.+)$", text, re.MULTILINE)
        rate = re.search(r"^#sample_rate 0: (\d+)$", text, re.MULTILINE)
        layout = re.search(r"^#channel_layout_name 0: (.+)$", text, re.MULTILINE)
        if codec is None or rate is None or layout is None:
            raise InvalidParameters("The file does not say its sample rate or its channels.")
        return _Sound(codec[1], int(rate[1]), layout[1])

    def _check(self, sound: _Sound) -> None:
        limits = self._limits
        if is_pcm_without_bits(self._source):
            raise InvalidParameters("The file says that its samples have no bits.")
        if not limits.min_sample_rate <= sound.sample_rate <= limits.max_sample_rate:
            raise InvalidParameters(
                f"The sample rate is {sound.sample_rate} Hz; "
                f"{limits.min_sample_rate} to {limits.max_sample_rate} Hz are read."
            )
        many = re.match(r"(\d+) channels", sound.layout)
        if many and not 1 <= int(many[1]) <= limits.max_channels:
            raise InvalidParameters(
                f"The audio has {many[1]} channels; 1 to {limits.max_channels} are read."
            )

    def _count_channels(self) -> int:
        """Channels of the track as its decoder gives them, from the header of one WAV block."""
        output, outcome = self._run(("-c:a", "pcm_s16le", "-frames:a", "1", "-f", "wav"))
        header = output[WAV_CHANNELS_OFFSET : WAV_CHANNELS_OFFSET + 2]
        count = int.from_bytes(header, "little")
        if outcome.status != 0 or count == 0:
            raise _undecodable(outcome)
        if count > self._limits.max_split_channels:
            raise UnsupportedRequest(
                f"The audio has {count} channels; "
                f"channels=split reads at most {self._limits.max_split_channels}."
            )
        return count

    def _read(self, child: Child) -> bytes:
        try:
            return child.read()
        except ChildStuck as error:
            raise CorruptAudio(TOO_LONG) from error

    def _finish(self, child: Child, limits: ChildLimits) -> Outcome:
        try:
            outcome = child.finish()
        except ChildStuck as error:
            raise CorruptAudio(TOO_LONG) from error
        if outcome.complaints:
            log.debug("ffmpeg ended with %d: %r", outcome.status, outcome.complaints)
        if outcome.status == -signal.SIGKILL and outcome.processor_seconds >= limits.allowance:
            raise CorruptAudio(TOO_LONG)
        is_told = outcome.status == TOLD_TO_END and not outcome.complaints
        if is_told or outcome.status in (*SIGNALS_FROM_OUTSIDE, *COMMANDS_NOT_STARTED):
            raise DecoderFailed(NOT_RUN)
        return outcome

    def _write(self, block: NDArray[np.int16]) -> None:
        if self._files[0].samples + block.shape[1] > self._limits.max_samples:
            raise self._too_long()
        for file, samples in zip(self._files, block, strict=True):
            file.write(samples)

    def _too_long(self) -> AudioTooLong:
        return AudioTooLong(f"The audio is longer than {self._limits.max_seconds / HOUR:g} hours.")

    def _judge(self, outcome: Outcome) -> None:
        """Exit status zero is not success: there must be samples too."""
        if outcome.status != 0:
            raise _undecodable(outcome)
        if self._files[0].samples == 0:
            raise EmptyFile("The file holds no sound.")
        if DAMAGE.search(outcome.complaints):
            self.warnings = ("Parts of the file are damaged; some sound may be missing.",)

    def _refusal(self, outcome: Outcome) -> TranscriptionError:
        """Why the look failed, in the words of our errors."""
        complaints = outcome.complaints
        if "matches no streams" in complaints:
            return NoAudioTrack("The file has no audio track.")
        if SENSELESS.search(complaints):
            return InvalidParameters("The sample rate or the channels of the file make no sense.")
        if "max_streams" in complaints:
            return InvalidParameters(f"The file has more than {MAX_STREAMS} tracks.")
        if is_wav_without_sound(self._source):
            return EmptyFile("The file holds no sound.")
        if is_sound_container(self._source):
            return CorruptAudio("The file is damaged or was cut off, and could not be read.")
        return UnsupportedMedia(
            "The file is not audio or video that we read "
            "(mp3, m4a, mp4, wav, flac, ogg, opus, webm, aac, amr, wma and others)."
        )

    def _close(self) -> None:
        """End the child, empty the cage, and keep only whole recordings."""
        if self._child is not None:
            self._child.kill()
        for file in self._files:
            file.close()
            if not self._is_complete:
                file.path.unlink(missing_ok=True)
        shutil.rmtree(self._cage, ignore_errors=True)


def decode_audio(
    source: Path,
    folder: Path,
    *,
    limits: AudioLimits | None = None,
    channels: Channels = "mix",
    ffmpeg: Path | None = None,
) -> tuple[Recording, ...]:
    """Decode all of `source` into `folder`: one recording, or one per channel for "split".

    Raises the errors of `transcription.errors`; then nothing is left in `folder`.
    """
    with AudioStream(source, folder, limits=limits, channels=channels, ffmpeg=ffmpeg) as stream:
        for _ in stream:
            pass
        return stream.recordings


def _bundled() -> Path:
    try:
        return bundled_ffmpeg()
    except RuntimeError as error:
        raise DecoderFailed(NOT_RUN) from error


def _undecodable(outcome: Outcome) -> UnreadableAudio:
    """Why the decoding failed: not our kind of sound, or damaged."""
    if UNREAD_CODEC.search(outcome.complaints):
        return UnsupportedMedia("The sound is coded in a way that we do not read.")
    return CorruptAudio("The audio is damaged and could not be decoded.")


def _decode_arguments(count: int) -> tuple[str, ...]:
    """Options that decode the mapped track to `count` interleaved channels at 16 kHz."""
    # pan by position leaves the channels as they are; -ac would remix unknown layouts
    pan = f"pan={count}c|" + "|".join(f"c{channel}=c{channel}" for channel in range(count))
    shape = ("-ac", "1") if count == 1 else ("-af", pan)
    rate = ("-ar", str(SAMPLE_RATE))
    whole_buffers = ("-flush_packets", "0")  # or every packet of 20 ms is a write, and a read
    return ("-threads", "1", "-vn", "-sn", "-dn", *shape, *rate, *whole_buffers, "-f", "s16le")
