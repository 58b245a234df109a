"""Tensors of several labelled windows, and the log-mel spectrogram of openai-whisper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import torch
from torch import Tensor
from whisper.audio import HOP_LENGTH, N_FFT, mel_filters

from training.labels import IGNORED, Labels
from training.network import AUDIO_POSITIONS, MEL_BANDS
from training.vocabulary import TIMESTAMPS, Vocabulary
from training.windows import TrainingWindow

NO_INTERVAL = -1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """`mel` (batch, 80, 2 x frames), `offsets` (batch,) encoder positions, `read` and `answer`
    (batch, tokens), `intervals` (batch, tokens, 2) in seconds from the window's start,
    `phonemes` and `words` (batch, frames)."""

    mel: Tensor
    offsets: Tensor
    read: Tensor
    answer: Tensor
    intervals: Tensor
    phonemes: Tensor
    words: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def collate(
    windows: Sequence[TrainingWindow],
    labels: Sequence[Labels],
    offsets: Sequence[int],
    vocabulary: Vocabulary,
) -> Batch:
    """One batch of windows of equal length. An offset moves a short window's positions and its
    timestamps together, so that short windows teach all of the thirty seconds."""
    length = max(len(label.read) for label in labels)
    read = torch.zeros((len(labels), length), dtype=torch.long)
    answer = torch.full((len(labels), length), IGNORED)
    intervals = torch.full((len(labels), length, 2), NO_INTERVAL)
    for index, (label, offset) in enumerate(zip(labels, offsets, strict=True)):
        count = len(label.read)
        read[index, :count] = torch.tensor(label.read)
        answer[index, :count] = torch.tensor(label.answer)
        for place, interval in enumerate(label.intervals):
            if interval is not None:
                intervals[index, place] = torch.tensor(interval)
        own = slice(label.prompt_length, count)
        read[index, own] = _moved(read[index, own], offset, vocabulary)
        answer[index, own] = _moved(answer[index, own], offset, vocabulary)
    return Batch(
        mel=log_mel(torch.from_numpy(np.stack([window.sound for window in windows]))),
        offsets=torch.tensor(offsets),
        read=read,
        answer=answer,
        intervals=intervals,
        phonemes=torch.from_numpy(np.stack([label.phonemes for label in labels])),
        words=torch.from_numpy(np.stack([label.words for label in labels])),
    )


def largest_offset(seconds: float) -> int:
    """The last encoder position at which a window of `seconds` may start."""
    return max(0, AUDIO_POSITIONS - round(seconds * AUDIO_POSITIONS / 30))


def log_mel(sound: Tensor) -> Tensor:
    """Whisper's input of `sound`, shape (batch, n): (batch, 80, n / 160), each scaled by itself."""
    filters, window = _mel_tables()
    spectrum = torch.stft(sound, N_FFT, HOP_LENGTH, window=window, return_complex=True)
    power = spectrum[..., :-1].abs() ** 2
    logarithm = torch.clamp(filters @ power, min=1e-10).log10()
    loudest = logarithm.amax((1, 2), keepdim=True)
    scaled: Tensor = (torch.maximum(logarithm, loudest - 8.0) + 4.0) / 4.0
    return scaled


@cache
def _mel_tables() -> tuple[Tensor, Tensor]:
    return mel_filters("cpu", MEL_BANDS), torch.hann_window(N_FFT)


def _moved(rows: Tensor, offset: int, vocabulary: Vocabulary) -> Tensor:
    first = vocabulary.first_timestamp
    return torch.where(rows >= first, (rows + offset).clamp(max=first + TIMESTAMPS - 1), rows)
