"""Sound of an item as one file that every system can read.

A whole file is handed over as it is. Stretches and joined clips become a 16 kHz mono wave file,
written once and kept. No sound is judged or changed otherwise.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.formats.tables import LFS_POINTER
from benchmarks.items import AudioPart, Item
from chunking.types import Span
from decoding.types import SAMPLE_RATE
from transcription.audio import decode_audio
from transcription.options import SpeechOptions
from transcription.speech import find_speech
from transcription.types import Recording


class SoundMissing(Exception):
    """A file that the data set names is not there, or is only a git-LFS pointer."""


def check_presence(item: Item) -> None:
    """Raises SoundMissing with one sentence when a file of `item` cannot be read."""
    for part in item.parts:
        if not part.path.is_file():
            raise SoundMissing(f"{item.name}: {part.path} is not there")
        if not part.path.stat().st_size:
            raise SoundMissing(f"{item.name}: {part.path} is empty")
        if is_lfs_pointer(part.path):
            raise SoundMissing(
                f"{item.name}: {part.path.name} is a git-LFS pointer, not sound; "
                "run `git lfs pull` in that repository"
            )


def check_all(items: Sequence[Item]) -> None:
    """Raises SoundMissing that counts the items that cannot be read and names the first."""
    missing: list[SoundMissing] = []
    for item in items:
        try:
            check_presence(item)
        except SoundMissing as error:
            missing.append(error)
    if missing:
        raise SoundMissing(
            f"{len(missing)} of {len(items)} recordings have no sound; first {missing[0]}"
        ) from missing[0]


def is_lfs_pointer(path: Path) -> bool:
    """Whether git wrote a pointer of some 130 bytes where the file should be."""
    with path.open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def prepare(item: Item, folder: Path) -> tuple[Path, float]:
    """The file to transcribe and its length in seconds. Joined sound is kept in `folder`."""
    check_presence(item)
    folder.mkdir(parents=True, exist_ok=True)
    if item.is_one_file:
        return item.parts[0].path, seconds_of(item.parts[0].path)
    target = folder / f"{_key(item)}.wav"
    if not target.exists():
        unfinished = target.with_suffix(f".{os.getpid()}.part")  # several workers may join it
        _join(item, unfinished)
        unfinished.replace(target)
    with wave.open(str(target), "rb") as file:
        return target, file.getnframes() / file.getframerate()


def seconds_of(path: Path) -> float:
    """Length of the decoded sound: what a header claims may be wrong."""
    with tempfile.TemporaryDirectory(prefix="longform-") as folder:
        (recording,) = decode_audio(path, Path(folder))
        return recording.duration


def write_wave(path: Path, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    """16 kHz mono samples as a wave file."""
    with _open_wave(path) as file:
        file.writeframes(samples.astype("<i2").tobytes())


def _key(item: Item) -> str:
    """A name that changes with the parts."""
    parts = [
        (str(p.path.absolute()), p.path.stat().st_size, p.start, p.end, p.gap) for p in item.parts
    ]
    return hashlib.blake2b(repr((parts, item.is_trimmed)).encode(), digest_size=12).hexdigest()


def _join(item: Item, target: Path) -> None:
    """Parts and the silence between them; one decoded file on disk at a time."""
    with tempfile.TemporaryDirectory(prefix="longform-") as folder:
        joined = Path(folder) / "joined.wav"
        with _open_wave(joined if item.is_trimmed else target) as file:
            decoded: tuple[Path, Recording] | None = None
            for part in item.parts:
                if decoded is None or decoded[0] != part.path:
                    if decoded is not None:
                        decoded[1].path.unlink()
                    (recording,) = decode_audio(part.path, Path(folder))
                    decoded = (part.path, recording)
                file.writeframes(decoded[1].read(_span(part, decoded[1])).astype("<i2").tobytes())
                file.writeframes(bytes(2 * round(part.gap * SAMPLE_RATE)))
        if item.is_trimmed:
            _trim(joined, target, Path(folder))


def _trim(source: Path, target: Path, folder: Path) -> None:
    """What voice activity detection calls speech, without a gap between."""
    (recording,) = decode_audio(source, folder)
    with _open_wave(target) as file:
        for span in find_speech(recording, SpeechOptions()).speech:
            file.writeframes(recording.read(span).astype("<i2").tobytes())


def _open_wave(path: Path) -> wave.Wave_write:
    file = wave.open(str(path), "wb")  # noqa: SIM115  # the caller's context closes it
    file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
    return file


def _span(part: AudioPart, recording: Recording) -> Span:
    end = recording.duration if part.end is None else min(part.end, recording.duration)
    return Span(min(part.start, end), end)


def read_samples(path: Path) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """All samples of a file, 16 kHz mono, shape (n,)."""
    with tempfile.TemporaryDirectory(prefix="longform-") as folder:
        (recording,) = decode_audio(path, Path(folder))
        return recording.read(Span(0.0, recording.duration))
