"""A user's labelled audio: one JSON object a line, {"audio", "text", "start"?, "end"?}.

Paths are relative to the manifest. Nothing is fetched, and no text is changed.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chunking.types import Span
from decoding.types import CLIP_SAMPLES, CLIP_SECONDS, FULL_SCALE, SAMPLE_RATE
from training.acoustics import Sound
from transcription.audio import decode_audio
from transcription.errors import TranscriptionError

SPEECH_LEVEL = 0.02  # of a clip's loudest sample; where speech first and last passes it, it is
MARGIN = 0.02  # seconds


class ManifestUnreadable(ValueError):
    """A line of the manifest, or a file that it names, cannot be used; the message says which."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a manifest; seconds within the file, or None for its start and end."""

    audio: Path
    text: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A clip of at most thirty seconds, float32 at 16 kHz, and what is said in it.

    `speech`: seconds from the clip's start in which there is sound.
    """

    sound: Sound
    text: str
    speech: tuple[float, float]

    @property
    def seconds(self) -> float:
        return len(self.sound) / SAMPLE_RATE


def read_manifest(path: Path) -> tuple[Line, ...]:
    """The lines of a manifest. Raises `ManifestUnreadable`."""
    try:
        rows = path.read_text(encoding="utf-8-sig").split("\n")  # a text may hold other line ends
    except OSError as error:
        raise ManifestUnreadable(f"cannot read the manifest {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ManifestUnreadable(
            f"the manifest {path} is not UTF-8 text: {error.reason}"
        ) from error
    lines = tuple(
        _line(row, f"{path.name}:{number}", path.parent)
        for number, row in enumerate(rows, 1)
        if row.strip()
    )
    if not lines:
        raise ManifestUnreadable(f"{path.name} holds no examples")
    return lines


def load_examples(lines: Sequence[Line]) -> list[Example]:
    """The sound of every line; a file is decoded once, however many lines name it."""
    sounds: dict[Path, NDArray[np.int16]] = {}
    return [_example(line, sounds) for line in lines]


def _line(row: str, where: str, folder: Path) -> Line:
    try:
        value = json.loads(row)
    except json.JSONDecodeError as error:
        raise ManifestUnreadable(f"{where} is not JSON: {error.msg}") from error
    if not isinstance(value, dict):
        raise ManifestUnreadable(f"{where} is not an object")
    for name in ("audio", "text"):
        if name not in value:
            found = ", ".join(value) or "nothing"
            raise ManifestUnreadable(f"{where} has no {name} (it has {found})")
        if not isinstance(value[name], str) or not value[name].strip():
            raise ManifestUnreadable(
                f"{where}: {name} must be a text that is not empty, got {value[name]!r}"
            )
    audio = folder / value["audio"]
    if not audio.is_file():
        raise ManifestUnreadable(f"{where}: there is no file {audio}")
    start, end = _seconds(value, "start", where), _seconds(value, "end", where)
    if end is not None and end <= (start or 0.0):
        raise ManifestUnreadable(f"{where}: end must come after start")
    return Line(audio, value["text"].strip(), start, end)


def _seconds(value: Mapping[str, Any], name: str, where: str) -> float | None:
    given = value.get(name)
    if given is None:
        return None
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not (is_number and math.isfinite(given) and given >= 0):
        raise ManifestUnreadable(f"{where}: {name} must be seconds, got {given!r}")
    return float(given)


def _example(line: Line, sounds: dict[Path, NDArray[np.int16]]) -> Example:
    if line.audio not in sounds:
        sounds[line.audio] = _decoded(line.audio)
    whole = sounds[line.audio]
    first = round((line.start or 0.0) * SAMPLE_RATE)
    last = len(whole) if line.end is None else round(line.end * SAMPLE_RATE)
    samples = whole[first:last]
    if not len(samples):
        raise ManifestUnreadable(f"{line.audio.name}: no sound from {line.start} to {line.end} s")
    if len(samples) > CLIP_SAMPLES:
        raise ManifestUnreadable(
            f"{line.audio.name}: an example is at most {CLIP_SECONDS:.0f} s, this one is "
            f"{len(samples) / SAMPLE_RATE:.1f} s; give start and end of each sentence"
        )
    sound = samples.astype(np.float32) / np.float32(FULL_SCALE)
    return Example(sound, line.text, _speech(sound))


def _decoded(path: Path) -> NDArray[np.int16]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            (recording,) = decode_audio(path, Path(folder))
        except TranscriptionError as error:
            raise ManifestUnreadable(f"{path.name}: {error}") from error
        return recording.read(Span(0.0, recording.duration))


def _speech(sound: Sound) -> tuple[float, float]:
    """First and last second at which the clip is not all but silent."""
    level = np.abs(sound)
    loud = np.flatnonzero(level > SPEECH_LEVEL * level.max())
    whole = len(sound) / SAMPLE_RATE
    if not len(loud):
        return 0.0, whole
    start, end = loud[0] / SAMPLE_RATE, (loud[-1] + 1) / SAMPLE_RATE
    return max(0.0, start - MARGIN), min(whole, end + MARGIN)
