"""From a stranger's file to samples on disk: 16 kHz mono s16le, one file per channel.

First a look at the parameters (`sound_look`), then the decoding (`track_decoder`). What a header
says about length is never believed: samples are counted as they come, and success is an exit status
of zero *and* at least one sample. Nothing is ever streamed into ffmpeg, because an m4a with its
index at the end cannot be read from a pipe.
"""

from __future__ import annotations

import math
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from decoding.types import SAMPLE_RATE
from transcription.channel_file import ChannelFile
from transcription.decoder_runs import NOT_RUN, Runs
from transcription.errors import AudioTooLong, DecoderFailed, EmptyFile, UnsupportedRequest
from transcription.ffmpeg import ChildLimits, bundled_ffmpeg
from transcription.options import Channels
from transcription.sniffing import claimed_seconds
from transcription.sound_look import Look, SampleLimits, count_channels, look_at
from transcription.track_decoder import Order, TrackDecoder
from transcription.types import BYTES_PER_SAMPLE, Recording

HOUR = 3600.0
MEGABYTE = 1_000_000
LEAST_PACE = SAMPLE_RATE * BYTES_PER_SAMPLE / 4  # a second of sound in four of waiting


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What a file may be. `max_seconds` and `max_channels` bound what is decoded, not claimed.

    Decoding takes at most `decode_seconds` of the processor, and as much waiting, and
    `seconds_per_megabyte` of the file more: a small file that costs much is not speech.
    """

    max_seconds: float = 12 * HOUR
    min_sample_rate: int = 1_000
    max_sample_rate: int = 384_000
    max_channels: int = 32
    max_split_channels: int = 8
    look: ChildLimits = field(default_factory=lambda: ChildLimits(1 << 30, 20, 30.0, 30.0))
    decode: ChildLimits = field(
        default_factory=lambda: ChildLimits(least_bytes_per_second=LEAST_PACE)
    )
    decode_seconds: int = 60
    seconds_per_megabyte: int = 60

    def __post_init__(self) -> None:
        if not self.max_seconds > 0:
            raise ValueError(f"max_seconds must be above 0, got {self.max_seconds}")

    @property
    def max_samples(self) -> int:
        """The most samples per channel that are decoded."""
        return int(self.max_seconds * SAMPLE_RATE)

    @property
    def samples(self) -> SampleLimits:
        return SampleLimits(self.min_sample_rate, self.max_sample_rate, self.max_channels)

    def decode_of(self, file_bytes: int) -> ChildLimits:
        """What the decoding of a file of this size may take."""
        budget = self.decode_seconds + math.ceil(self.seconds_per_megabyte * file_bytes / MEGABYTE)
        return replace(
            self.decode,
            processor_seconds=min(self.decode.processor_seconds, budget),
            wait_seconds=min(self.decode.wait_seconds, budget),
        )


class AudioStream:
    """Decodes a file while it is iterated; a context manager.

    Iterating gives blocks of int16, shape (channels, n), after they were written to disk, so that
    `so_far` can already be read; tracks that are heard apart come one after the other. When the
    iteration has ended `recordings` and `warnings` stand. Leaving the context early, or by an
    error, ends ffmpeg and removes what was written. Open, iterate and close it in one thread (see
    `transcription.ffmpeg.Child`).

    Raises the errors of `transcription.errors` on opening (the look) and while iterating.
    """

    def __init__(
        self,
        source: Path,
        folder: Path,
        *,
        limits: AudioLimits | None = None,
        channels: Channels = "mix",
        audio_track: int | None = None,
        ffmpeg: Path | None = None,
    ) -> None:
        self.warnings: tuple[str, ...] = ()
        self._limits = limits or AudioLimits()
        cage = folder / f"{uuid.uuid4().hex}.empty"
        self._runs = Runs(ffmpeg or _bundled(), source.absolute(), cage)
        self._is_complete = False
        self._tracks: list[tuple[TrackDecoder, tuple[ChannelFile, ...]]] = []
        cage.mkdir(mode=0o700, parents=True)
        try:
            self._look = self._opened(channels, audio_track)
            self._runs = self._look.runs
            self._make_files(folder, channels)
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
        self._close(keep=kind is None)

    def __iter__(self) -> Iterator[NDArray[np.int16]]:
        warnings = list(self._look.warnings)
        for decoder, files in self._tracks:
            for block in decoder.blocks():
                self._write(files, block)
                yield block
            warnings += decoder.warnings()
        if not any(file.samples for file in self._files):
            raise EmptyFile("The file holds no sound.")
        self.warnings = tuple(warnings)
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

    @property
    def _files(self) -> tuple[ChannelFile, ...]:
        return tuple(file for _, files in self._tracks for file in files)

    def _opened(self, channels: Channels, audio_track: int | None) -> Look:
        source = self._runs.source
        if source.stat().st_size == 0:
            raise EmptyFile("The file is empty.")
        if (claimed_seconds(source) or 0.0) > self._limits.max_seconds:
            raise self._too_long()
        limits = self._limits
        look = look_at(self._runs, limits.look, limits.samples, channels, audio_track)
        if len(look.sounds) > limits.max_split_channels:
            raise UnsupportedRequest(
                f"The file has {len(look.sounds)} audio tracks; "
                f"channels=tracks reads at most {limits.max_split_channels}."
            )
        return look

    def _make_files(self, folder: Path, channels: Channels) -> None:
        """One file for each channel that is heard by itself, named only if there are several."""
        decode = self._limits.decode_of(self._runs.source.stat().st_size)
        counts = [
            count_channels(self._runs, sound, self._limits.look, self._limits.max_split_channels)
            if channels == "split"
            else 1
            for sound in self._look.sounds
        ]
        names = iter(range(sum(counts)) if sum(counts) > 1 else (None,))
        for sound, count in zip(self._look.sounds, counts, strict=True):
            decoder = TrackDecoder(self._runs, self._look, Order(sound, count, decode))
            files = tuple(ChannelFile(folder, next(names)) for _ in range(count))
            self._tracks.append((decoder, files))

    def _write(self, files: tuple[ChannelFile, ...], block: NDArray[np.int16]) -> None:
        if files[0].samples + block.shape[1] > self._limits.max_samples:
            raise self._too_long()
        for file, samples in zip(files, block, strict=True):
            file.write(samples)

    def _too_long(self) -> AudioTooLong:
        return AudioTooLong(f"The audio is longer than {_in_words(self._limits.max_seconds)}.")

    def _close(self, *, keep: bool = False) -> None:
        """Empty the cage, and keep only whole recordings, if any."""
        for file in self._files:
            file.close()
            if not (keep and self._is_complete):
                file.path.unlink(missing_ok=True)
        shutil.rmtree(self._runs.cage, ignore_errors=True)


def decode_audio(
    source: Path,
    folder: Path,
    *,
    limits: AudioLimits | None = None,
    channels: Channels = "mix",
    audio_track: int | None = None,
    ffmpeg: Path | None = None,
) -> tuple[Recording, ...]:
    """Decode all of `source` into `folder`: one recording, or one per channel or track that is
    heard by itself.

    Raises the errors of `transcription.errors`; then nothing is left in `folder`.
    """
    chosen = AudioStream(
        source, folder, limits=limits, channels=channels, audio_track=audio_track, ffmpeg=ffmpeg
    )
    with chosen as stream:
        for _ in stream:
            pass
        return stream.recordings


def _in_words(seconds: float) -> str:
    """12 hours, 1 minute 30 seconds, 2.5 seconds."""
    minutes, second = divmod(seconds, 60.0)
    counts = (*divmod(int(minutes), 60), round(second, 3))
    told = [
        f"{count:g} {unit}{'' if count == 1 else 's'}"
        for count, unit in zip(counts, ("hour", "minute", "second"), strict=True)
        if count
    ]
    return " ".join(told) or f"{seconds:g} seconds"


def _bundled() -> Path:
    try:
        return bundled_ffmpeg()
    except RuntimeError as error:
        raise DecoderFailed(NOT_RUN) from error
