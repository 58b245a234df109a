"""The windows that every system decodes, and the tokens that none may use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.folder import AUDIO_SUFFIXES
from benchmarks.sound import read_samples
from decoding.types import CLIP_SAMPLES, FULL_SCALE, SAMPLE_RATE

Window = NDArray[np.int16]
RECORDING: Final = Path(__file__).parents[2] / "recordings" / "demo-meeting.opus"
LAST_INITIAL_TIMESTAMP: Final = 50  # steps of 20 ms, openai-whisper's 1.0 s


def stretches() -> list[NDArray[np.int16]]:
    """The shipped recording cut every 30 s; the last one is shorter."""
    samples = read_samples(RECORDING).astype(np.int16, copy=False)
    return [samples[at : at + CLIP_SAMPLES] for at in range(0, len(samples), CLIP_SAMPLES)]


def windows(count: int) -> list[NDArray[np.int16]]:
    """`count` whole windows of the shipped recording, from its start and round again."""
    whole = [samples for samples in stretches() if len(samples) == CLIP_SAMPLES]
    return [whole[at % len(whole)] for at in range(count)]


def spread_windows(count: int) -> list[NDArray[np.int16]]:
    """`count` whole windows of the shipped recording, no two of them the same, evenly spread."""
    samples = read_samples(RECORDING).astype(np.int16, copy=False)
    starts = np.linspace(0, len(samples) - CLIP_SAMPLES, count).astype(int)
    return [samples[at : at + CLIP_SAMPLES] for at in starts]


def windows_below(folders: Sequence[Path], count: int | None = None) -> dict[str, Window]:
    """Sound files, and all that lie below folders, cut every 30 s; the names say where.

    What is left of a file is a window too from a second on. `count`: that many, evenly spread.
    """
    found: dict[str, Window] = {}
    for folder in folders:
        files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
        for path in files:
            if path.suffix.lower() in AUDIO_SUFFIXES:
                found.update(_cut(path))
    if not found:
        raise ValueError(f"no sound in {', '.join(map(str, folders))}")
    names = list(found)
    if count is not None and count < len(names):
        names = [names[at] for at in np.linspace(0, len(names) - 1, count).astype(int)]
    return {name: found[name] for name in names}


def _cut(path: Path) -> Iterator[tuple[str, Window]]:
    samples = read_samples(path).astype(np.int16, copy=False)
    for at in range(0, max(1, len(samples) - SAMPLE_RATE + 1), CLIP_SAMPLES):
        yield f"{path} at {at // SAMPLE_RATE} s", samples[at : at + CLIP_SAMPLES]


def as_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def never_tokens(n_vocab: int) -> tuple[int, ...]:
    """openai-whisper's suppressed tokens and end-of-text, so that a window has all its tokens."""
    from whisper.tokenizer import get_tokenizer

    tokenizer = get_tokenizer(True, num_languages=n_vocab - 51_766, language="en")
    special = (
        tokenizer.transcribe,
        tokenizer.translate,
        tokenizer.sot,
        tokenizer.sot_prev,
        tokenizer.sot_lm,
        tokenizer.no_speech,
        tokenizer.eot,
    )
    return tuple(sorted({*tokenizer.non_speech_tokens, *special}))


def start_tokens(n_vocab: int) -> list[int]:
    """<|startoftranscript|><|en|><|transcribe|>."""
    from whisper.tokenizer import get_tokenizer

    tokenizer = get_tokenizer(True, num_languages=n_vocab - 51_766, language="en")
    return list(tokenizer.sot_sequence)
