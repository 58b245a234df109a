"""Sound whose words are known, and a small real decoder that hears them.

A word is a run of one sample value; silence is zero. `PlantedDecoder` reads the runs back, so what
a pipeline makes of a recording can be compared with what was planted, without a model.
"""

from __future__ import annotations

import itertools
import threading
import wave
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from decoding.types import (
    SAMPLE_RATE,
    Attempt,
    Clip,
    Decoded,
    DecodedWord,
    DecodingOptions,
    EngineStatistics,
    ModelCard,
    TimedText,
)

WORD_SECONDS = 0.32
GAP_SECONDS = 0.16
FIRST_VALUE = 1000  # values below are silence


def plant(words: int, *, pauses: dict[int, float] | None = None) -> np.ndarray:
    """int16 samples of `words` words; `pauses[k]` seconds of silence before word k."""
    parts = [np.zeros(SAMPLE_RATE // 2, dtype=np.int16)]
    for number in range(words):
        parts.append(np.zeros(int((pauses or {}).get(number, 0.0) * SAMPLE_RATE), dtype=np.int16))
        parts.append(np.full(int(WORD_SECONDS * SAMPLE_RATE), FIRST_VALUE + number, dtype=np.int16))
        parts.append(np.zeros(int(GAP_SECONDS * SAMPLE_RATE), dtype=np.int16))
    return np.concatenate(parts)


def write_wav(path: Path, *channels: np.ndarray) -> Path:
    """A 16 kHz WAV of equally long int16 channels."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.stack(channels, axis=1).astype("<i2").tobytes())
    return path


def text_of(words: int, first: int = 0) -> str:
    return " ".join(f"w{number}" for number in range(first, first + words))


class PlantedDecoder:
    """A `Decoder` that hears planted words; a word cut by the clip's edge is heard wrongly."""

    model = ModelCard("planted", False, ("en",), 0, "cpu", "fp32")

    def __init__(self, *, seconds_per_clip: float = 0.0) -> None:
        self.clips = 0
        self.cancelled: list[str] = []
        self.is_closed = False
        self._seconds_per_clip = seconds_per_clip
        self._wake = threading.Event()
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="planted")

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        self.clips += 1
        return self._workers.submit(self._decode, clip)

    def cancel(self, group: str) -> None:
        self.cancelled.append(group)

    def statistics(self) -> EngineStatistics:
        return EngineStatistics(slots=4, windows_decoded=self.clips)

    def close(self) -> None:
        self.is_closed = True
        self._wake.set()
        self._workers.shutdown(cancel_futures=True)

    def _decode(self, clip: Clip) -> Decoded:
        self._wake.wait(self._seconds_per_clip)
        words = hear(clip.samples)
        text = "".join(word.text for word in words)
        timed = (TimedText(words[0].start, words[-1].end, text),) if words else ()
        return Decoded(
            text=text,
            tokens=tuple(range(len(words))),
            words=words,
            timed_text=timed,
            language="en",
            avg_logprob=-0.1,
            no_speech_prob=0.0 if words else 0.9,
            compression_ratio=1.0,
            temperature=0.0,
            is_truncated=False,
            attempts=(Attempt(0.0, -0.1, 1.0, "accepted"),),
        )


def hear(samples: np.ndarray) -> tuple[DecodedWord, ...]:
    """The planted words of a clip, with their exact times in it."""
    edges = np.flatnonzero(np.diff(samples.astype(np.int32), prepend=0, append=0))
    words = []
    for start, end in itertools.pairwise(edges):
        value = int(samples[start])
        if value < FIRST_VALUE:
            continue
        is_whole = end - start >= int(WORD_SECONDS * SAMPLE_RATE)
        text = f" w{value - FIRST_VALUE}" if is_whole else " um"
        times = float(start / SAMPLE_RATE), float(end / SAMPLE_RATE)
        words.append(DecodedWord(text, *times, 0.9 if is_whole else 0.3, (value,)))
    return tuple(words)
