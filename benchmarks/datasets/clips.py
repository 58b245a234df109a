"""Short clips joined into long recordings, with the times at which each clip is heard."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets.types import LoadOptions
from benchmarks.formats.types import TimedWord
from benchmarks.items import AudioPart, Item


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """One clip; `seconds` None where the data set does not say how long it is."""

    path: Path
    text: str
    seconds: float | None = None


def join(name: str, clips: Sequence[SpokenClip], language: str, options: LoadOptions) -> Item:
    """One recording of all `clips` in their order.

    Where every clip's length is known, its words are spread evenly over it: good enough to place
    errors, not to measure word times. Trimmed silence leaves no times.
    """
    words: list[TimedWord] = []
    start: float | None = None if options.trim_silence else 0.0
    for clip in clips:
        if start is None or clip.seconds is None:
            words, start = [], None
            break
        words.extend(spread(clip.text, start, start + clip.seconds))
        start += clip.seconds + options.gap
    return Item(
        name=name,
        parts=tuple(AudioPart(clip.path, gap=options.gap) for clip in clips),
        reference=" ".join(clip.text for clip in clips),
        language=language,
        words=tuple(words),
        is_trimmed=options.trim_silence,
    )


def join_all(
    name: str, clips: Iterable[SpokenClip], language: str, options: LoadOptions
) -> tuple[Item, ...]:
    """Recordings of `options.clips` clips each; 0 joins all."""
    ordered = list(clips)
    if options.seed is not None:
        random.Random(options.seed).shuffle(ordered)
    if not ordered:
        return ()
    size = options.clips or len(ordered)
    groups = [ordered[n : n + size] for n in range(0, len(ordered), size)]
    digits = len(str(len(groups)))
    return tuple(
        join(f"{name}-{n:0{digits}d}" if len(groups) > 1 else name, group, language, options)
        for n, group in enumerate(groups, start=1)
    )


def spread(text: str, start: float, end: float) -> list[TimedWord]:
    """Words placed evenly between `start` and `end`."""
    parts = text.split()
    step = (end - start) / max(len(parts), 1)
    return [
        TimedWord(word, start + n * step, start + (n + 1) * step) for n, word in enumerate(parts)
    ]


def flac_seconds(path: Path) -> float | None:
    """Length of a FLAC file by its header; None when it is something else or does not say."""
    with path.open("rb") as file:
        header = file.read(26)
    if len(header) < 26 or header[:4] != b"fLaC":
        return None
    packed = int.from_bytes(header[18:26], "big")
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return samples / rate if rate and samples else None
