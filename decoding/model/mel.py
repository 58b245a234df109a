"""Log-mel spectrograms on the device, a batch of clips at a time.

Equal to openai-whisper's `log_mel_spectrogram` of each clip padded to thirty seconds: the loudness
floor (maximum minus eight) is taken per clip, because a stream has no maximum of the whole file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from whisper.audio import HOP_LENGTH, N_FFT, mel_filters

from decoding.device.transfer import to_device
from decoding.types import CLIP_SAMPLES, FULL_SCALE

POWER_FLOOR = 1e-10
DYNAMIC_RANGE = 8.0  # decades below the clip's loudest bin


class LogMel:
    """Samples -> mel [w, n_mels, 3000], float32."""

    def __init__(self, n_mels: int, device: torch.device) -> None:
        self._device = device
        self._filters: Tensor = mel_filters(device, n_mels)
        self._window = torch.hann_window(N_FFT, device=device)

    def __call__(self, clips: Sequence[NDArray[np.int16] | NDArray[np.float32]]) -> Tensor:
        if self._device.type == "cpu":  # clip by clip: a result must not depend on its neighbours
            return torch.stack([self._of(self._padded([clip]))[0] for clip in clips])
        return self._of(self._padded(clips))

    def _padded(self, clips: Sequence[NDArray[np.int16] | NDArray[np.float32]]) -> Tensor:
        """[w, 480,000] float32; integers cross to the device as integers."""
        is_integer = all(clip.dtype == np.int16 for clip in clips)
        batch = torch.zeros(
            len(clips), CLIP_SAMPLES, dtype=torch.int16 if is_integer else torch.float32
        )
        for row, clip in zip(batch, clips, strict=True):
            samples = torch.from_numpy(np.ascontiguousarray(clip))
            if clip.dtype == np.int16 and not is_integer:
                samples = samples.float() / FULL_SCALE
            row[: len(clip)] = samples
        on_device = to_device(batch, self._device)
        return on_device.float() / FULL_SCALE if is_integer else on_device

    def _of(self, samples: Tensor) -> Tensor:
        spectrum = torch.stft(samples, N_FFT, HOP_LENGTH, window=self._window, return_complex=True)
        power = spectrum[..., :-1].abs() ** 2
        logarithm = (self._filters @ power).clamp(min=POWER_FLOOR).log10()
        floor = logarithm.amax(dim=(1, 2), keepdim=True) - DYNAMIC_RANGE
        return (torch.maximum(logarithm, floor) + 4.0) / 4.0
